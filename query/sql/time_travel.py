"""The version of each table that makes up the store as it is now, or as it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from ...store import Store
from ...store.errors import InvalidInputError, NotFoundError
from ...store.schema import LATER_TABLES, TABLES
from ...store.tags import TAG, get_tag

At: TypeAlias = Mapping[str, int] | datetime | str | None
"""A tag, a moment (a datetime, or text in ISO format), versions of some tables, or None for now."""


def versions_at(store: Store, at: At) -> dict[str, int]:
    """The version of each table `at` a point in the store's history.

    For a moment, that is the newest version of each table written by then; text without a time zone is local
    time. Tables that a mapping `at` does not name are as they are now.

    Raises:
        NotFoundError: no such tag or table, or the store did not exist then, or its versions were deleted.
        InvalidInputError: text that is neither a tag nor a moment in ISO format.
    """
    if at is None:
        return store.versions()
    if isinstance(at, str) and TAG.fullmatch(at):
        return get_tag(store, at).versions
    if isinstance(at, str):
        at = _parse_moment(at)
    return _versions_at_moment(store, at) if isinstance(at, datetime) else _with_versions(store, at)


def _parse_moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"{text!r} is neither a tag nor a moment",
            hint="list the tags: attribase -s STORE tags; a moment is written 2026-01-31T18:00:00+00:00",
        ) from None


def _with_versions(store: Store, at: Mapping[str, int]) -> dict[str, int]:
    now = store.versions()
    unknown = sorted(set(at) - set(now))
    if unknown:
        raise NotFoundError(
            f"the store has no table {unknown[0]!r}", hint=f"its tables are {', '.join(sorted(now))}"
        )
    return now | dict(at)


def _versions_at_moment(store: Store, moment: datetime) -> dict[str, int]:
    """The newest version of each table at `moment`; tables created later are left out."""
    local = moment.astimezone().replace(tzinfo=None)  # Lance returns version times as naive local time
    versions: dict[str, int] = {}
    for table in store.tables():
        history: dict[int, datetime] = {
            entry["version"]: entry["timestamp"] for entry in store.dataset(table).versions()
        }
        newest = max((version for version, written in history.items() if written <= local), default=None)
        # If the version after it was cleaned up, that one may have been the newest at `moment`: refuse.
        if newest is not None and (newest + 1 in history or newest == max(history)):
            versions[table] = newest
    if not TABLES.keys() - LATER_TABLES <= versions.keys():
        raise NotFoundError(
            f"the store did not exist at {moment.isoformat()}, or its versions were deleted since",
            hint="ask for a later moment, or leave `at` out; a tag keeps versions from being compacted away",
        )
    return versions
