"""Which column of a table holds what."""

from collections.abc import Mapping, Sequence

from ...store import InvalidInputError

COLUMN_NAMES: Mapping[str, Sequence[str]] = {
    "image": ("bytes", "image", "image_bytes", "data", "jpg", "png", "webp"),
    "uri": ("uri", "url", "path", "file_name", "filename"),
    "caption": ("caption", "text", "TEXT", "prompt"),
    "category": ("category", "label", "class"),
    "creator": ("creator", "artist", "author"),
    "license": ("license", "licence"),
}
"""By part of an image, the column names that are recognised; the first that a table has counts."""


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


def find_columns(table: str, names: Sequence[str], given: Mapping[str, str]) -> dict[str, str | None]:
    """The column of each part of an image: the `given` one, else the first whose name is recognised.

    Raises InvalidInputError for a given column that is not among `names`.
    """
    for part, column in given.items():
        if column not in names:
            raise InvalidInputError(
                f"{table} has no column {column!r} for {part}", hint=f"its columns are {', '.join(names)}"
            )
    taken = set(given.values())
    found: dict[str, str | None] = {}
    for part, accepted in COLUMN_NAMES.items():
        known = (name for name in accepted if name in names and name not in taken)
        found[part] = given.get(part) or next(known, None)
    return found
