"""Which requests are allowed in, and the headers that tell browsers what a response may do.

Without a token the service listens on loopback only, and a web page of another site must not reach it through
the visitor's browser: neither under a name that resolves to 127.0.0.1 (seen in the Host header) nor by a
cross-site request (seen in the Origin header).
"""

from __future__ import annotations

import hmac
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...store.errors import AttribaseError, ForbiddenError, UnauthorizedError
from .errors import error_response
from .options import ServiceOptions

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")
LOOPBACK = ("localhost", "127.0.0.1", "::1")

PUBLIC_PATHS = ("/", "/healthz", "/readyz", "/docs", "/openapi.json", "/favicon.ico")
STATIC_FOLDERS = ("/static/", "/docs/")
"""These need no token: they hold nothing of the store, and the page must load to ask for the token."""

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
DATA_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""For everything under /v1/: stored images may hold anything, scripts included."""

COMMON_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class AccessControl:
    """ASGI middleware that passes an allowed request on and answers any other with 401 or 403."""

    def __init__(self, app: ASGIApp, options: ServiceOptions) -> None:
        self.app = app
        self._token = options.token.encode() if options.token is not None else None
        self._hosts = {*LOOPBACK, *(host.lower() for host in options.hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, then pass it on."""
        if scope["type"] == "http":
            try:
                self.check(scope)
            except AttribaseError as error:
                await error_response(error)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def check(self, scope: Scope) -> None:
        """Raises UnauthorizedError or ForbiddenError for a request that is not allowed."""
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if self._token is None:
            if _host_name(host) not in self._hosts:
                raise ForbiddenError(
                    "this service has no token and answers only on this machine",
                    hint="use http://127.0.0.1:PORT, or start it with --token-file",
                )
        elif not _is_public(scope["path"]) and not hmac.compare_digest(_request_token(headers), self._token):
            raise UnauthorizedError(
                "the token is wrong" if _request_token(headers) else "a token is needed",
                hint="send `Authorization: Bearer TOKEN` or `x-api-key: TOKEN`",
            )
        if origin and origin not in (f"http://{host}", f"https://{host}"):
            raise ForbiddenError(
                "pages of other sites may not send requests to this service",
                hint="use its own page, or a program that is no browser",
            )


class SecurityHeaders:
    """ASGI middleware that adds the content security policy, caching and isolation headers to responses."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add headers when its response starts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        policy = DATA_POLICY if path.startswith("/v1/") else PAGE_POLICY
        caching = b"no-cache" if path.startswith(STATIC_FOLDERS) else b"no-store"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    *message.get("headers", []),
                    *COMMON_HEADERS,
                    (b"content-security-policy", policy.encode()),
                ]
                if not any(name.lower() == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", caching))
                message["headers"] = headers
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or path.startswith(STATIC_FOLDERS)


def _request_token(headers: dict[bytes, bytes]) -> bytes:
    """The token that the request carries; empty where there is none."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")


def _host_name(host: str) -> str:
    """A Host header in lower case without its port; empty where it is anything but a name and a port.

    It is not read as a part of an address: there, `127.0.0.1/.evil.example` and `evil.example@127.0.0.1` name
    this machine.
    """
    found = HOST.fullmatch(host)
    return found[1].strip("[]") if found else ""
