"""`attribase query map`: the images and samples of a store in two dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..store import InvalidInputError
from .console import open_store, run_job, say
from .paths import LocalPath

if TYPE_CHECKING:
    import pyarrow as pa

    from ..store import Store

ROWS = (".parquet", ".csv")
NAMED = 40
"""Characters of the picture's name, or of a sample's id, in the title of a page."""


@click.command("map")
@click.option("--encoder", help="Whose vectors; left out, as for answers.")
@click.option("--mapper", help="Which mapper, or `none`; left out likewise.")
@click.option(
    "--limit",
    type=click.IntRange(4),
    default=20_000,
    show_default=True,
    help="Points at most: every exemplar, and a random part of the others.",
)
@click.option(
    "--neighbours",
    type=click.IntRange(2),
    default=15,
    show_default=True,
    help="Few show small groups of alike items, many the whole.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random part, and of UMAP.")
@click.option(
    "--picture",
    metavar="ITEM",
    help="Also colour by what influenced this image file or sample; needs -o.",
)
@click.option(
    "-o",
    "--output",
    "path",
    type=LocalPath(path_type=Path),
    help="Also write FILE.html (a page that needs nothing else), FILE.parquet or .csv, or a folder or .zip "
    "with Apple's Embedding Atlas for a web server.",
)
@click.pass_context
def map_command(
    ctx: click.Context,
    encoder: str | None,
    mapper: str | None,
    limit: int,
    neighbours: int,
    seed: int,
    picture: str | None,
    path: Path | None,
) -> None:
    """Lay out images and samples so that those that are alike are near each other, for the page and SQL.

    \b
    Example: attribase -s my.store query map
             attribase -s my.store query map --picture sunset.png -o map.html
             attribase -s my.store query map -o atlas/
    """
    from ..query.map.map_file import read_points
    from ..query.map.store_map import MapSettings, make_map

    if picture and path is None:
        raise InvalidInputError("influence is a column of a file, and none is named", hint="add -o map.html")
    store = open_store(ctx)
    steps, _ = run_job(make_map(store, MapSettings(encoder, mapper, limit, neighbours, seed=seed)))
    if not steps:
        say("the map is up to date: neither vectors nor settings have changed")
    row = _newest(store, encoder, mapper)
    rest = row["images"] + row["samples"] - row["points"]
    drawn = f"{row['points']:,} points of {row['encoder']} with {row['mapper']}"
    say(
        drawn
        + (f"; {rest:,} more items are not drawn (--limit)" if rest else ", all items that have a vector")
    )
    if path is None:
        say('look: attribase query serve, or attribase query sql "from map_items"')
        return
    influence = _influence(store, picture, row) if picture else None
    points = read_points(store, row["encoder"], row["mapper"], influence)
    title = f"Map of {store.name}" + (f": {Path(picture).name[:NAMED]}" if picture else "")
    _write(points, path, title, picture)
    click.echo(path)


def _newest(store: Store, encoder: str | None, mapper: str | None) -> dict[str, Any]:
    """The row of the newest map of these names."""
    wanted = {name: value for name, value in (("encoder", encoder), ("mapper", mapper)) if value}
    rows = [
        row for row in store.read("maps").to_pylist() if all(row[name] == wanted[name] for name in wanted)
    ]
    newest: dict[str, Any] = max(rows, key=lambda row: row["created"])
    return newest


def _influence(store: Store, picture: str, row: dict[str, Any]) -> pa.Table:
    """(image_id, influence) of the answer to a picture, by the encoder and mapper of the map."""
    from ..query import attribute
    from ..store import ConflictError

    answer = attribute(store, picture, encoder=str(row["encoder"]), mapper=str(row["mapper"]), method="exact")
    if answer.candidates is None:
        raise ConflictError(
            "influence is not calibrated for the vectors of this map",
            hint=f"attribase -s STORE train calibration --encoder {row['encoder']} --mapper {row['mapper']}",
        )
    return answer.candidates


def _write(points: pa.Table, path: Path, title: str, asked: str | None) -> None:
    """Write the points in the form that the name asks for."""
    from ..query.map.map_file import write_atlas, write_page, write_points

    if path.suffix == ".html":
        write_page(points, title, path, asked)
    elif path.suffix in ROWS:
        write_points(points, path)
    elif path.suffix in ("", ".zip"):
        write_atlas(points, path)
    else:
        raise InvalidInputError(
            f"a map is not written as {path.suffix}", hint="use .html, .parquet, .csv, .zip or a folder"
        )
