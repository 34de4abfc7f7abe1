"""What every answer tells browsers: run nothing from elsewhere, embed it nowhere, guess no types."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
