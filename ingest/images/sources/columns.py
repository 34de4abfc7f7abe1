"""Which column of a table holds what: given, or recognised by its name and its content."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ....store import InvalidInputError
from .cells import holds_picture, is_url, pictures_of

COLUMN_NAMES: Mapping[str, Sequence[str]] = {
    part: tuple(names.split())
    for part, names in {
        "image": "bytes image images image_bytes img img_bytes image_data picture data jpg jpeg png webp "
        "base64",
        "uri": "uri url image_url img_url coco_url flickr_url path image_path img_path file_path filepath "
        "file_name filename image_name file image",
        "caption": "caption captions text txt prompt alt_text alt",
        "category": "category label class class_name labels cls",
        "creator": "creator artist author photographer artist_name creator_name",
        "license": "license licence",
        "rights_holder": "rights_holder rightsholder copyright_holder copyright_owner",
        "license_url": "license_url licence_url license_uri licence_uri web_statement",
        "reservation": "reservation tdm_reservation opt_out optout data_mining",
        "source": "source source_name",
    }.items()
}
"""By part of an image, the names of columns that are recognised, in any case; the first that a table has
counts.

A column of pictures is recognised by its content, whatever its name.
"""


NOT_OWN = ("exemplars", "exemplar_ids")
"""Columns that name other images than the row's own."""


def parse_columns(options: Sequence[str]) -> dict[str, str]:
    """`image=img` and the like as a mapping of parts to columns.

    Raises InvalidInputError for text without `=` and for parts that images do not have.
    """
    pairs = [option.partition("=") for option in options]
    for option, (_, equals, column) in zip(options, pairs, strict=True):
        if not equals or not column:
            raise InvalidInputError(
                f"{option!r} does not name a column", hint="write PART=COLUMN, such as image=img"
            )
    columns = {part: column for part, _, column in pairs}
    check_parts(columns)
    return columns


def check_parts(columns: Mapping[str, str]) -> None:
    """Raise InvalidInputError for a part that images do not have."""
    for part in columns:
        if part not in COLUMN_NAMES:
            raise InvalidInputError(
                f"images have no {part!r} to take from a column", hint=f"use {', '.join(COLUMN_NAMES)}"
            )


def find_columns(
    table: str,
    names: Sequence[str],
    given: Mapping[str, str],
    first: Sequence[Mapping[str, Any]],
    is_file: Callable[[str], bool],
) -> dict[str, str | None]:
    """The column of each part of an image: the `given` one, else one that is recognised.

    `image` is a column with bytes of pictures in one of the `first` rows, else one with paths of files that
    are there (`is_file`), else one of no content whose name is recognised.

    Raises InvalidInputError for a given column that is not among `names`.
    """
    found: dict[str, str | None] = {part: _given(table, names, part, given) for part in COLUMN_NAMES}
    free = [name for name in names if name not in found.values() and name.lower() not in NOT_OWN]
    if found["image"] is None:
        ordered = [*_recognised("image", free), *_recognised("uri", free), *free]
        found["image"] = _with(holds_picture, ordered, first) or _with(
            lambda value: _is_path(value, is_file), ordered, first
        )
        if found["image"] is None:
            unfilled = [name for name in _recognised("image", free) if _may_hold_pictures(name, first)]
            found["image"] = next(iter(unfilled), None)
    for part in COLUMN_NAMES:
        if found[part] is None and part != "image":
            taken = {found["image"]} | ({"image"} if found["image"] else set())  # else it may hold paths
            known = (name for name in _recognised(part, free) if name not in taken)
            found[part] = next(known, None)
    return found


def _given(table: str, names: Sequence[str], part: str, given: Mapping[str, str]) -> str | None:
    column = given.get(part)
    if column is not None and column not in names:
        raise InvalidInputError(
            f"{table} has no column {column!r} for {part}", hint=f"its columns are {', '.join(names)}"
        )
    return column


def _recognised(part: str, names: Sequence[str]) -> list[str]:
    """The ones of `names` that `part` is known by, best first."""
    by_name: dict[str, str] = {}
    for name in names:
        by_name.setdefault(name.strip().lower().replace("-", "_").replace(" ", "_"), name)
    return [by_name[known] for known in COLUMN_NAMES[part] if known in by_name]


def _with(
    fits: Callable[[Any], bool], names: Sequence[str], first: Sequence[Mapping[str, Any]]
) -> str | None:
    return next((name for name in names if any(fits(row.get(name)) for row in first)), None)


def _is_path(value: Any, is_file: Callable[[str], bool]) -> bool:
    texts = [found for found in pictures_of(value) if isinstance(found, str)]
    return bool(texts) and not is_url(texts[0]) and is_file(texts[0])


def _may_hold_pictures(name: str, first: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the column is empty so far, or has bytes that are no picture that is known."""
    values = [row[name] for row in first if row.get(name) is not None]
    return not values or any(
        isinstance(value, bytes) or (isinstance(value, Mapping) and "bytes" in value) for value in values
    )
