"""What Prometheus scrapes at /metrics: requests, latencies by route, what is in flight, which snapshot."""

from __future__ import annotations

from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Telemetry:
    """The numbers of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("attribase_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "attribase_request_seconds",
            "Seconds from the first byte of a request to the last of its answer.",
            ("route",),
            registry=self.registry,
            buckets=BUCKETS,
        )
        self.in_flight = Gauge(
            "attribase_requests_in_flight", "Requests being answered.", registry=self.registry
        )
        self.busy = Gauge(
            "attribase_calls",
            "Calls that run in a thread or wait for one.",
            ("threads",),
            registry=self.registry,
        )
        self.snapshot = Gauge(
            "attribase_snapshot_info",
            "1 for the version of the store that is served.",
            ("version",),
            registry=self.registry,
        )
        self.refreshed = Gauge(
            "attribase_refreshed_timestamp_seconds",
            "When new versions were last looked for.",
            registry=self.registry,
        )

    def served(self, version: str) -> None:
        """A snapshot is served from now on; the one before is not."""
        self.snapshot.clear()
        self.snapshot.labels(version).set(1)

    def text(self) -> bytes:
        """What Prometheus reads."""
        return generate_latest(self.registry)


class Measured:
    """ASGI middleware that counts and times. Routes are named as declared, so that labels stay few."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app, self._telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and count."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began = 499, perf_counter()  # 499: the client left before there was an answer

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._telemetry.in_flight.inc()
        try:
            await self.app(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD") else "other"
            self._telemetry.in_flight.dec()
            self._telemetry.requests.labels(method, route, str(status)).inc()
            self._telemetry.seconds.labels(route).observe(perf_counter() - began)
