"""`attribase picture`: a stored picture as a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..store import DataError, InvalidInputError, NotFoundError
from .console import open_store, say
from .output import explain_write_errors, stdout_is_terminal

if TYPE_CHECKING:
    from ..store import Store

SHORTEST = 6
"""Characters of an id that name it, if no other begins with them."""


@click.command()
@click.argument("name", metavar="ID")
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The file; its ending (.png, .jpg, ...) names the format. Left out, the stored bytes go to stdout.",
)
@click.pass_context
def picture(ctx: click.Context, name: str, path: Path | None) -> None:
    """Write the stored picture ID: an image or a sample, by its id, the beginning of it, or its uri.

    A FILE in the stored format has the stored bytes, unchanged.

    \b
    Example: attribase -s my.store picture 1a164b02df2b -o source.png
             attribase -s my.store picture world:twemoji/football -o football.jpg
    """
    store = open_store(ctx)
    table, item = _find(store, name)
    if path is None and stdout_is_terminal():
        raise InvalidInputError("a picture cannot be shown on a terminal", hint="add `-o FILE.png`")
    from ..store.lookup import locate

    ((_, data),) = locate(table, store.dataset(table), "bytes", [item]).read([item])
    if not data:
        raise NotFoundError(
            f"{item} has no bytes here, only its uri", hint="ingest the folder that has the file"
        )
    if path is None:
        sys.stdout.buffer.write(data)
        return
    with explain_write_errors(path):
        path.write_bytes(_encode(data, path))
    say(f"wrote {path}: {'image' if table == 'images' else 'sample'} {item}")


def _find(store: Store, name: str) -> tuple[str, str]:
    """The table and the id of what `name` names. NotFoundError, or InvalidInputError for several."""
    from ..store.lookup import quote

    found: list[tuple[str, str]] = []
    for table, key in (("images", "image_id"), ("samples", "sample_id")):
        condition = f"{key} = {quote(name)} or uri = {quote(name)}"
        if len(name) >= SHORTEST:
            condition += f" or starts_with({key}, {quote(name)})"
        found += ((table, item) for item in store.read(table, [key], condition)[key].to_pylist())
    exact = [(table, item) for table, item in found if item == name]
    found = exact or found
    if not found:
        raise NotFoundError(
            f"{name!r} is no image or sample here, nor the beginning of an id",
            hint='list them: attribase -s STORE query sql "select image_id, uri, caption from images"',
        )
    if len(found) > 1:
        raise InvalidInputError(f"{name!r} names {len(found)} pictures", hint="give more of the id")
    return found[0]


def _encode(data: bytes, path: Path) -> bytes:
    """The bytes as they are where the file's ending is theirs, else encoded again as the ending says."""
    import io

    from ..runtime.decode import decode_image
    from ..runtime.formats import ENDINGS, HEAD_BYTES, recognise

    wanted = ENDINGS.get(path.suffix.lower().removeprefix("."))
    if wanted is None:
        raise InvalidInputError(
            f"{path.name} has no ending of a picture", hint="end it in .png, .jpg or .webp"
        )
    if recognise(data[:HEAD_BYTES]) == wanted:
        return data
    out = io.BytesIO()
    try:
        decode_image(data).save(out, wanted)
    except (KeyError, ValueError, OSError) as error:
        raise DataError(f"the picture cannot be written as {wanted}: {error}", hint="use .png") from error
    return out.getvalue()
