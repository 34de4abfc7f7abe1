"""Responses are whole: HEAD is answered as GET without the body, and ranges are not served."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

RANGES = (b"range", b"if-range")


class WholeResponses:
    """ASGI middleware that answers HEAD as GET, without the body, and ignores what asks for a part."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, as GET where it is HEAD."""
        if scope["type"] == "http":
            scope = {**scope, "headers": [one for one in scope["headers"] if one[0] not in RANGES]}
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, send_without_body)
