"""The version of each table that makes up the store as it is now, or as it was, and a name for it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from ..store import Store
from ..store.errors import InvalidInputError, NotFoundError
from ..store.schema import LATER_TABLES, TABLES
from ..store.tags import TAG, get_tag, list_tags

At: TypeAlias = Mapping[str, int] | datetime | str | None
"""A tag, a moment (a datetime, or text in ISO format), the digest of the present state or of a tag's,
versions of some tables, or None for now."""

DIGEST = re.compile(r"[0-9a-f]{12}")


def state_digest(versions: Mapping[str, int]) -> str:
    """12 characters that stand for these versions of all tables."""
    return hashlib.sha256(json.dumps(dict(versions), sort_keys=True).encode()).hexdigest()[:12]


def name_state(store: Store, versions: Mapping[str, int]) -> str:
    """Text that `versions_at` resolves to exactly `versions`: the newest tag of them, else a moment in UTC.

    The moment is that of the newest commit. Where another process wrote several tables while `versions` was
    read, they may be of no single moment: then it is their digest, which names them while they are newest.
    """
    for tag in reversed(list_tags(store)):
        if tag.versions == versions:
            return tag.name
    opened = {table: store.dataset(table, version) for table, version in versions.items()}
    moment = max(_written(dataset) for dataset in opened.values())
    for table, dataset in opened.items():
        if dataset.latest_version == versions[table]:
            continue
        try:
            following = _written(store.dataset(table, versions[table] + 1))
        except NotFoundError:
            continue
        if following <= moment:
            return state_digest(versions)
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def versions_at(store: Store, at: At) -> dict[str, int]:
    """The version of each table `at` a point in the store's history.

    For a moment, that is the newest version of each table written by then; text without a time zone is local
    time. Tables that a mapping `at` does not name are as they are now.

    Raises:
        NotFoundError: no such tag, digest or table, or the store did not exist then, or its versions were
            deleted.
        InvalidInputError: text that is neither a tag, a moment in ISO format nor a digest.
    """
    if at is None:
        return store.versions()
    if isinstance(at, str):
        return _versions_named(store, at)
    return _versions_at_moment(store, at) if isinstance(at, datetime) else _with_versions(store, at)


def _versions_named(store: Store, text: str) -> dict[str, int]:
    """Those of a tag, a digest or a moment."""
    if DIGEST.fullmatch(text):
        tags = list_tags(store)
        states = [tag.versions for tag in tags if tag.name == text]
        known = (store.versions(), *(tag.versions for tag in tags))
        states += [versions for versions in known if state_digest(versions) == text]
        if not states:
            raise NotFoundError(
                f"{text} is neither a tag nor the digest of the store's present state or of a tagged one",
                hint="give a tag, or the moment that the answer names: 2026-01-31T18:00:00Z",
            )
        return states[0]
    if TAG.fullmatch(text):
        return get_tag(store, text).versions
    return _versions_at_moment(store, _parse_moment(text))


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
    removed: set[str] = set()
    for table in store.tables():
        history: dict[int, datetime] = {
            entry["version"]: entry["timestamp"] for entry in store.dataset(table).versions()
        }
        newest = max((version for version, written in history.items() if written <= local), default=None)
        # If the version after it was cleaned up, that one may have been the newest at `moment`: refuse.
        if newest is not None and (newest + 1 in history or newest == max(history)):
            versions[table] = newest
        elif newest is not None or min(history) > 1:
            removed.add(table)
    return _check_complete(moment, versions, removed)


def _check_complete(moment: datetime, versions: dict[str, int], removed: set[str]) -> dict[str, int]:
    """`versions`, if they are of all tables that the store had then; `removed`: whose may be deleted."""
    if removed:
        raise NotFoundError(
            f"versions of {', '.join(sorted(removed)[:3])} that may be those of {moment.isoformat()} were "
            "removed by compaction",
            hint="ask for a tag (attribase -s STORE tags) or a later moment; a tag keeps a state for good: "
            "attribase -s STORE tag NAME",
        )
    if not TABLES.keys() - LATER_TABLES <= versions.keys():
        raise NotFoundError(
            f"the store did not exist at {moment.isoformat()}",
            hint="ask for a later moment, or leave `at` out",
        )
    return versions


def _written(dataset: Any) -> datetime:
    """When the version that a Lance dataset is opened at was committed, in naive local time."""
    written: datetime = dataset.get_version()["timestamp"]
    return written
