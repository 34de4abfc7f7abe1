"""Tags: a name for how the store is now, to compare with later. Tagged versions outlive compaction.

A tag is a Lance tag of one name on every table. It is put on the table SENTINEL last and taken off it first,
so a tag that a kill left on some tables only is none: it is not listed, and making it again starts afresh.
"""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .errors import ConflictError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from .store import Store

SENTINEL = "jobs"
TAG = re.compile(r"[a-z][a-z0-9_]{0,62}")
RESERVED = frozenset({"main", "temp", "memory", "system", "pg_catalog", "information_schema"})
"""Schemas and catalogs that SQL has already: a tag is a schema there."""


@dataclass(frozen=True)
class Tag:
    """A named state of the store: the version of each table it had. `created` is UTC."""

    name: str
    created: datetime
    versions: dict[str, int]


def create_tag(store: "Store", name: str) -> Tag:
    """Name the newest version of every table `name`.

    Raises InvalidInputError for a name that SQL could not use as it is, ConflictError when the tag is there
    or another process is tagging too.
    """
    if not TAG.fullmatch(name) or name in RESERVED:
        raise InvalidInputError(
            f"{name!r} cannot be a tag",
            hint="use a letter, then letters, digits and _, all small, as in `before_cleaning`",
        )
    if name in {tag.name for tag in list_tags(store)}:
        raise ConflictError(
            f"there is a tag {name!r} already",
            hint=f"choose another name, or drop it first: attribase tag {name} --delete",
        )
    versions = store.versions()
    _remove(store, name, versions)
    try:
        for table in (*sorted(set(versions) - {SENTINEL}), SENTINEL):
            store.dataset(table).tags.create(name, versions[table])
    except ValueError as error:  # the name is there again, or the version is gone
        raise ConflictError(
            f"the tag {name!r} could not be put on {table}",
            hint="another process is tagging or compacting; run it again",
        ) from error
    return next(tag for tag in list_tags(store) if tag.name == name)


def list_tags(store: "Store") -> list[Tag]:
    """Every tag, oldest first."""
    found = {name: tag["created_at"] for name, tag in _tags(store, SENTINEL).items() if TAG.fullmatch(name)}
    if not found:  # spares opening all tables
        return []
    versions: dict[str, dict[str, int]] = {name: {} for name in found}
    for table in store.tables():
        for name, tag in _tags(store, table).items():
            if name in versions:
                versions[name][table] = int(tag["version"])
    tags = [Tag(name, created, versions[name]) for name, created in found.items()]
    return sorted(tags, key=lambda tag: (tag.created, tag.name))


def get_tag(store: "Store", name: str) -> Tag:
    """The tag called `name`. Raises NotFoundError that lists the ones there are."""
    tags = {tag.name: tag for tag in list_tags(store)}
    if name not in tags:
        known = f"there are {', '.join(tags)}" if tags else "there are none yet: attribase tag NAME"
        raise NotFoundError(f"there is no tag {name!r}", hint=known)
    return tags[name]


def delete_tag(store: "Store", name: str) -> None:
    """Drop a tag; what only it kept goes when the store is compacted. Raises NotFoundError."""
    _remove(store, name, get_tag(store, name).versions)


def _tags(store: "Store", table: str) -> dict[str, dict[str, Any]]:
    return dict(store.dataset(table).tags.list())


def _remove(store: "Store", name: str, tables: Iterable[str]) -> None:
    for table in (SENTINEL, *sorted(set(tables) - {SENTINEL})):
        with contextlib.suppress(ValueError):  # it is not there
            store.dataset(table).tags.delete(name)
