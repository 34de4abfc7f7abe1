"""`attribase ingest release`."""

from pathlib import Path

import click

from .console import draw_progress, say, store_uri


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--pixel-limit", type=click.IntRange(1), help="Image files with more pixels stay references by uri."
)
@click.pass_context
def release(ctx: click.Context, folder: Path, pixel_limit: int | None) -> None:
    """Import what DIR has of the official AbC release: dataset/, feats/ and weights/, or some of them.

    Everything is checked before anything is written; a store that is not there is created then.

    Example: attribase -s abc.store ingest release GenDataAttribution/
    """
    from ..ingest.release import existing_store, read_release, write_release
    from ..store import Store

    uri = store_uri(ctx)
    store = existing_store(uri)
    found = read_release(folder, store)
    for note in found.notes:
        say(note)
    settings = {} if pixel_limit is None else {"pixel_limit": pixel_limit}
    store = store or Store.create(uri)
    before = store.versions()
    draw_progress(write_release(store, found, **settings))
    say(f"{folder}: imported" if store.versions() != before else f"{folder}: nothing new")
