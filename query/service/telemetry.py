"""Prometheus metrics of the service: requests by route and status, latency, workers, the snapshot served."""

from __future__ import annotations

from importlib.metadata import version
from time import perf_counter

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...store.layout import software_version
from ..workers import WorkerPool
from ..workers.memory import resident_bytes

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
COUNTED_METHODS = ("GET", "POST", "HEAD")
CLIENT_DISCONNECTED = 499


class Telemetry:
    """The metrics of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.build = Gauge(
            "attribase_build_info",
            "1 for the versions that run.",
            ("version", "lance", "duckdb"),
            registry=self.registry,
        )
        self.build.labels(software_version(), *map(version, ("pylance", "duckdb"))).set(1)
        self.workers = Gauge("attribase_workers", "Worker processes that run.", registry=self.registry)
        self.worker_starts = Gauge(
            "attribase_worker_starts", "Workers started since the service began.", registry=self.registry
        )
        self.sql_limit = Gauge(
            "attribase_sql_workers", "Statements that may run at once.", registry=self.registry
        )
        self.sql_running = Gauge(
            "attribase_sql_running", "Statements that a worker runs.", registry=self.registry
        )
        self.sql_waiting = Gauge(
            "attribase_sql_waiting", "Statements that wait for a worker.", registry=self.registry
        )
        self.requests = Counter(
            "attribase_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.request_seconds = Histogram(
            "attribase_request_seconds",
            "Seconds from the first byte of a request to the last of its response.",
            ("route",),
            registry=self.registry,
            buckets=LATENCY_BUCKETS,
        )
        self.requests_in_flight = Gauge(
            "attribase_requests_in_flight", "Requests being answered.", registry=self.registry
        )
        self.waiting = Gauge(
            "attribase_requests_waiting", "Requests that wait for a worker.", registry=self.registry
        )
        self.working = Gauge(
            "attribase_requests_working", "Requests that a worker answers.", registry=self.registry
        )
        self.resident = Gauge(
            "attribase_resident_bytes",
            "Resident memory of all processes, without store files that workers map.",
            registry=self.registry,
        )
        self.memory_limit = Gauge(
            "attribase_memory_limit_bytes", "What all processes together may take.", registry=self.registry
        )
        self.snapshot_info = Gauge(
            "attribase_snapshot_info",
            "1 for the version of the store that is served.",
            ("version",),
            registry=self.registry,
        )
        self.refreshed = Gauge(
            "attribase_refreshed_timestamp_seconds",
            "When the store was last checked for new versions.",
            registry=self.registry,
        )

    def watch(self, pool: WorkerPool, sql_lane: str) -> None:
        """Report the queue and the memory of these workers, and the statements of SQL, by their lane."""

        def resident() -> float:
            workers = (worker for worker in pool.processes if worker is not None)
            return sum((worker.base + worker.grown() for worker in workers), float(resident_bytes() or 0))

        self.waiting.set_function(lambda: len(pool.queue))
        self.working.set_function(lambda: pool.queue.running)
        self.resident.set_function(resident)
        self.workers.set_function(
            lambda: sum(one is not None and one.process.alive() for one in pool.processes)
        )
        self.worker_starts.set_function(lambda: pool.starts)
        if sql_lane in pool.queue.limits:
            self.sql_limit.set(pool.queue.limits[sql_lane])
            self.sql_running.set_function(lambda: pool.queue.running_in(sql_lane))
            self.sql_waiting.set_function(lambda: pool.queue.waiting_in(sql_lane))

    def set_snapshot(self, version: str) -> None:
        """Report `version` as the one that is served, and no other."""
        self.snapshot_info.clear()
        self.snapshot_info.labels(version).set(1)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class TelemetryMiddleware:
    """ASGI middleware that counts and times requests.

    Routes are labelled by their pattern, other paths and unusual methods as `other`, so that no client can
    make the number of labels grow.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app, self._telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; count it when its response is sent or its client has disconnected."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began = CLIENT_DISCONNECTED, perf_counter()

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._telemetry.requests_in_flight.inc()
        try:
            await self.app(scope, receive, send_and_note_status)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in COUNTED_METHODS else "other"
            self._telemetry.requests_in_flight.dec()
            self._telemetry.requests.labels(method, route, str(status)).inc()
            self._telemetry.request_seconds.labels(route).observe(perf_counter() - began)
