"""The marker `<uri>/store.json`: the format of a store, the hash of its tables' schema, and who wrote it.

It is written last when a store is created, and whole: a folder or prefix without it is no store, also after a
creation was killed.
"""

import json
from dataclasses import dataclass

from .errors import ConflictError
from .files import files_of
from .layout import SUFFIX, Layout, not_a_store, software_version

FORMAT = 2
"""The newest format, in which stores are made. It grows when an earlier attribase could no longer write one.

2: `failures` has the key (stage, source, item) instead of (stage, item), and `tombstones` is honoured.
"""

NAME = "store.json"
LAST_TABLE = "jobs"
"""The table that was created last when remote stores had no marker."""


@dataclass(frozen=True)
class Marker:
    """What the marker of a store says: its format, the hash of the schema, the version that wrote it."""

    format: int
    schema: str | None = None
    software: str | None = None


def read_marker(layout: Layout) -> Marker | None:
    """The marker of a store, None where there is none. Raises ConflictError for one of something else."""
    try:
        found = json.loads(files_of(layout).read(NAME))["attribase"]
        marker = Marker(found["format"], found.get("schema"), found.get("software"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _not_a_marker(layout) from error
    if type(marker.format) is not int or marker.format < 1:
        raise _not_a_marker(layout)
    return marker


def require_marker(layout: Layout) -> Marker:
    """The marker of a store that this attribase can use.

    Raises NotFoundError where there is no store, ConflictError for a format newer than FORMAT.
    """
    marker = read_marker(layout)
    if marker is None and not layout.local and f"{LAST_TABLE}{SUFFIX}" in files_of(layout).folders():
        marker = Marker(FORMAT)  # an earlier attribase gave remote stores no marker
    if marker is None:
        raise not_a_store(layout.uri)
    return check_format(layout, marker)


def check_format(layout: Layout, marker: Marker) -> Marker:
    """`marker` itself. Raises ConflictError for a format newer than FORMAT."""
    if marker.format > FORMAT:
        writer = f", {marker.software} wrote the store)" if marker.software else ")"
        raise ConflictError(
            f"{layout.uri} has store format {marker.format}; this attribase knows up to {FORMAT}",
            hint="upgrade attribase: pip install -U attribase "
            f"(version {software_version()} is installed{writer}",
        )
    return marker


def write_marker(layout: Layout, schema: str, *, format: int | None = None) -> None:  # noqa: A002
    """Write the marker, unless it says so already.

    Args:
        layout: where the store is.
        schema: the hash of the schema that its tables have now.
        format: that of the store; left out, that of the marker, or FORMAT where there is none.
    """
    there = read_marker(layout)
    number = format or (there.format if there else FORMAT)
    if there is not None and (there.schema, there.format) == (schema, number):
        return
    marker = {"attribase": {"format": number, "schema": schema, "software": software_version()}}
    files_of(layout).write(NAME, json.dumps(marker).encode())


def _not_a_marker(layout: Layout) -> ConflictError:
    """The error for a `store.json` that attribase did not write."""
    return ConflictError(
        f"{layout.uri}/{NAME} is not the marker of a store", hint="does the folder belong to another tool?"
    )
