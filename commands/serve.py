"""`attribase query serve`: the HTTP service and its web page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import say, store_uri

if TYPE_CHECKING:
    from ..query.service.evidence import PackMaker
    from ..query.service.options import ServiceOptions


@click.command()
@click.option("--host", help="Address to listen on; off loopback a token is needed.  [default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes any free one.  [default: 8765]",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the token that clients must send.",
)
@click.option(
    "--read-only-sql/--no-sql", "sql", default=None, help="Answer read-only SQL at /v1/sql.  [default: yes]"
)
@click.option(
    "--refresh", type=click.FloatRange(0.1, 3600), help="Seconds until new data is seen.  [default: 5]"
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Processes that answer, each one request at a time.  [default: 2]",
)
@click.option(
    "--sql-workers",
    type=click.IntRange(1, 64),
    help="Statements that run at once.  [default: all workers but one]",
)
@click.option(
    "--memory",
    metavar="SIZE",
    help="Of all processes together, for example 4GB.  [default: 2GB, or what the store needs]",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="The least that is logged; info has a line for each request.  [default: info]",
)
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), help="How stderr is written.  [default: text]"
)
@click.option(
    "--evidence-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Sign evidence packs with this key (attribase keygen).  [default: sign none]",
)
@click.option(
    "--evidence-certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Its certificate, as for query evidence.  [default: KEY.crt, where it is there]",
)
@click.option(
    "--evidence-timestamp-url", metavar="URL", help="Have the packs stamped, as for query evidence."
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file of settings; the command line and ATTRIBASE_SERVICE_* variables count more.",
)
@click.option("--print-config", is_flag=True, help="Print all settings in effect as TOML, and exit.")
@click.pass_context
def serve(ctx: click.Context, /, config: Path | None, print_config: bool, **given: Any) -> None:
    """Answer over HTTP until stopped: attribution, SQL, LanceDB's remote protocol, and a page.

    \b
    Example: attribase -s my.store query serve --port 8765
             attribase -s my.store query serve --config service.toml --log-format json
             attribase query serve --print-config
    """
    from ..query.service.settings import read_settings, service_options, settings_text

    settings = read_settings({name: value for name, value in given.items() if value is not None}, config)
    if print_config:
        click.echo(settings_text(settings), nl=False)
        return
    from ..query.service.server import serve as run

    options = service_options(settings)

    def ready(url: str) -> None:
        if options.log_format == "text":
            say(f"serving at {url}")

    run(store_uri(ctx), options, settings.host, settings.port, ready=ready, packs=_pack_maker(options))


def _pack_maker(options: ServiceOptions) -> PackMaker | None:
    """What signs evidence with the key of the settings. Raises as `PackSigner.read`."""
    if options.evidence_key is None:
        return None
    from ..packs.seal import PackSigner
    from ..packs.served import ServedPacks

    key, certificate = options.evidence_key, options.evidence_certificate
    return ServedPacks.of(PackSigner.read(key, certificate, options.evidence_timestamp_url))
