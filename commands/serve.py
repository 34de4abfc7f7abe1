"""`attribase query serve`: the HTTP service and its web page."""

from pathlib import Path
from typing import Any

import click

from ..store import InvalidInputError
from .console import say, store_uri


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; off loopback a token is needed.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Port to listen on; 0 takes any free one.",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the token that clients must send.",
)
@click.option(
    "--read-only-sql/--no-sql",
    "sql",
    default=True,
    show_default=True,
    help="Answer read-only SQL at /v1/sql.",
)
@click.option(
    "--refresh",
    type=click.FloatRange(0.1, 3600),
    default=5.0,
    show_default=True,
    help="Seconds until new data is seen.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Processes that answer, each one request at a time.",
)
@click.option(
    "--memory",
    metavar="SIZE",
    help="Of all processes together, for example 4GB.  [default: 2GB, or what the store needs]",
)
@click.pass_context
def serve(ctx: click.Context, /, host: str, port: int, token_file: Path | None, **settings: Any) -> None:
    """Answer over HTTP until stopped: attribution, SQL, LanceDB's remote protocol, and a page.

    Example: attribase -s my.store query serve --port 8765
    """
    from ..query.service import ServiceOptions
    from ..query.service.server import serve as run

    token = None if token_file is None else _token(token_file)
    options = ServiceOptions(token=token, **settings)
    run(store_uri(ctx), options, host, port, ready=lambda url: say(f"serving at {url}"))


def _token(path: Path) -> str:
    """The token in a file: its text without surrounding whitespace. Raises InvalidInputError."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"cannot read the token in {path}: {error}", hint="it is a line of text"
        ) from error
    from ..query.service.options import is_usable_token

    if not is_usable_token(token):
        raise InvalidInputError(
            f"{path} holds no usable token",
            hint="write 8 or more letters and digits into it, such as `openssl rand -hex 32` prints",
        )
    return token
