"""Who may ask: the token, and on a service without one only pages and programs of this machine."""

from __future__ import annotations

import hmac
from time import perf_counter
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...store.errors import AttribaseError, ForbiddenError, UnauthorizedError
from .errors import told
from .options import ServiceOptions

LOOPBACK = ("localhost", "127.0.0.1", "::1")
OPEN = ("/", "/healthz", "/readyz", "/docs", "/openapi.json", "/favicon.ico")
OPEN_FOLDERS = ("/static/", "/docs/")
"""What needs no token: it says nothing about the store, and the page must load to ask for the token."""


class Gate:
    """ASGI middleware that lets a request in or answers 401 or 403.

    Without a token the port must be loopback, and a web page elsewhere must not reach it through the
    visitor's browser: neither by a name that resolves to 127.0.0.1 (the Host header tells) nor by a plain
    cross-site request (the Origin header tells).
    """

    def __init__(self, app: ASGIApp, options: ServiceOptions) -> None:
        self.app = app
        self._token = options.token.encode() if options.token is not None else None
        self._hosts = {*LOOPBACK, *(host.lower() for host in options.hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what may pass, answer the rest."""
        if scope["type"] == "http":
            try:
                self.check(scope)
            except AttribaseError as error:
                await told(error)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def check(self, scope: Scope) -> None:
        """Raises UnauthorizedError or ForbiddenError."""
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and urlsplit(origin).netloc.lower() != host.lower():
            raise ForbiddenError(
                "pages of other sites may not ask this service",
                hint="ask from its own page, or from a program",
            )
        if self._token is None:
            if _name(host) not in self._hosts:
                raise ForbiddenError(
                    "this service has no token and answers only on this machine",
                    hint="use http://127.0.0.1:PORT, or start it with --token-file",
                )
        elif not _is_open(scope["path"]) and not hmac.compare_digest(_given(headers), self._token):
            raise UnauthorizedError(
                "a token is needed" if not _given(headers) else "the token is wrong",
                hint="send `Authorization: Bearer TOKEN` or `x-api-key: TOKEN`",
            )


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_FOLDERS)


def _given(headers: dict[bytes, bytes]) -> bytes:
    """The token of the request, empty where there is none."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")


def _name(host: str) -> str:
    """The host without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


PAGE_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
DATA_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"

FILES = ("/static/", "/docs/")

_COMMON = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class SafeHeaders:
    """ASGI middleware that adds them; stored pictures may hold anything, so data gets the stricter policy."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with them."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        policy = DATA_POLICY if scope["path"].startswith("/v1/") else PAGE_POLICY
        kept = b"no-cache" if scope["path"].startswith(FILES) else b"no-store"
        added = [*_COMMON, (b"content-security-policy", policy.encode())]

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message.get("headers", [])}
                more = [*added, *([] if b"cache-control" in names else [(b"cache-control", kept)])]
                message["headers"] = [*message.get("headers", []), *more]
            await send(message)

        await self.app(scope, receive, sent)


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
