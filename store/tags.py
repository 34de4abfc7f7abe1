"""Tags: names of states of the store, to query and compare later. Compaction keeps tagged versions.

A tag is a Lance tag of the same name on every table. The table SENTINEL gets it last and loses it first,
so a tag that a killed process left on some tables only is not listed, and creating it again starts anew.
"""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .errors import ConflictError, InvalidInputError, NotFoundError
from .opened import for_each
from .tables import Tables

SENTINEL = "jobs"
TAG = re.compile(r"[a-z][a-z0-9_]{0,62}")
RESERVED = frozenset({"main", "temp", "memory", "system", "pg_catalog", "information_schema"})
"""Names that DuckDB's own schemas and catalogs have: a tag becomes a schema."""


@dataclass(frozen=True)
class Tag:
    """A named state of the store: the version of each table. `created` is UTC."""

    name: str
    created: datetime
    versions: dict[str, int]


def create_tag(tables: Tables, name: str) -> Tag:
    """Name the newest version of every table `name`.

    Raises InvalidInputError for a name that SQL would have to quote, ConflictError when the tag exists or
    another process creates one at the same time.
    """
    if not TAG.fullmatch(name) or name in RESERVED:
        raise InvalidInputError(
            f"{name!r} cannot be a tag",
            hint="use a lower-case letter, then lower-case letters, digits and _, as in `before_cleaning`",
        )
    if name in {tag.name for tag in list_tags(tables)}:
        raise ConflictError(
            f"the tag {name!r} exists already",
            hint=f"choose another name, or delete it first: attribase tag {name} --delete",
        )
    versions = tables.versions()
    _remove(tables, name, versions)

    def put_on(table: str) -> None:
        try:
            tables.dataset(table).tags.create(name, versions[table])
        except ValueError as error:  # another process created the tag, or the version is gone
            raise ConflictError(
                f"the tag {name!r} could not be put on {table}",
                hint="another process is tagging or compacting; run it again",
            ) from error

    for_each(tables.uri, sorted(set(versions) - {SENTINEL}), put_on)
    put_on(SENTINEL)
    return next(tag for tag in list_tags(tables) if tag.name == name)


def list_tags(tables: Tables) -> list[Tag]:
    """Every tag, oldest first."""
    found = {name: tag["created_at"] for name, tag in _tags(tables, SENTINEL).items() if TAG.fullmatch(name)}
    if not found:  # no need to open every table
        return []
    versions: dict[str, dict[str, int]] = {name: {} for name in found}
    names = tables.tables()
    for table, of_table in zip(
        names, for_each(tables.uri, names, lambda one: _tags(tables, one)), strict=True
    ):
        for name, tag in of_table.items():
            if name in versions:
                versions[name][table] = int(tag["version"])
    tags = [Tag(name, created, versions[name]) for name, created in found.items()]
    return sorted(tags, key=lambda tag: (tag.created, tag.name))


def get_tag(tables: Tables, name: str) -> Tag:
    """The tag called `name`. Raises NotFoundError that lists the known ones."""
    tags = {tag.name: tag for tag in list_tags(tables)}
    if name not in tags:
        known = f"there are {', '.join(tags)}" if tags else "there are none yet: attribase tag NAME"
        raise NotFoundError(f"there is no tag {name!r}", hint=known)
    return tags[name]


def delete_tag(tables: Tables, name: str) -> None:
    """Delete a tag; the next compaction removes the versions that only it kept. Raises NotFoundError."""
    _remove(tables, name, get_tag(tables, name).versions)


def _tags(tables: Tables, table: str) -> dict[str, dict[str, Any]]:
    return dict(tables.dataset(table).tags.list())


def _remove(tables: Tables, name: str, tagged: Iterable[str]) -> None:
    def take_from(table: str) -> None:
        with contextlib.suppress(ValueError):  # this table does not have it
            tables.dataset(table).tags.delete(name)

    take_from(SENTINEL)
    for_each(tables.uri, sorted(set(tagged) - {SENTINEL}), take_from)
