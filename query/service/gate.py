"""Who may ask: the token, and on a service without one only pages and programs of this machine."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from ...store.errors import AttribaseError
from .options import ServiceOptions
from .problems import ForbiddenError, UnauthorizedError, told

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
