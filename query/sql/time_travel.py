"""Which version of each table makes the store as it is now, or as it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ...store import Store
from ...store.errors import InvalidInputError, NotFoundError
from ...store.schema import TABLES
from ...store.tags import TAG, get_tag


def versions_at(store: Store, at: Mapping[str, int] | datetime | str | None) -> dict[str, int]:
    """The version of each table `at` a tag, a moment, or versions of some tables; see `connect`.

    Raises:
        NotFoundError: no such tag or table, or the store is younger.
        InvalidInputError: text that is neither a tag nor a moment in ISO format.
    """
    if at is None:
        return store.versions()
    if isinstance(at, str):
        at = _moment(at) if not TAG.fullmatch(at) else get_tag(store, at).versions
        return _then(store, at) if isinstance(at, datetime) else at
    return _then(store, at) if isinstance(at, datetime) else _some(store, at)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"{text!r} is neither a tag nor a moment",
            hint="list the tags: attribase -s STORE tags; a moment is written 2026-01-31T18:00:00+00:00",
        ) from None


def _some(store: Store, at: Mapping[str, int]) -> dict[str, int]:
    now = store.versions()
    unknown = sorted(set(at) - set(now))
    if unknown:
        raise NotFoundError(
            f"the store has no table {unknown[0]!r}", hint=f"its tables are {', '.join(sorted(now))}"
        )
    return now | dict(at)


def _then(store: Store, moment: datetime) -> dict[str, int]:
    """The newest version of each table at `moment`; tables that came later are left out."""
    local = moment.astimezone().replace(tzinfo=None)  # Lance tells version times as naive local time
    found: dict[str, int] = {}
    for table in store.tables():
        history: dict[int, datetime] = {
            entry["version"]: entry["timestamp"] for entry in store.dataset(table).versions()
        }
        then = [version for version, moment in history.items() if moment <= local]
        # where the next version is gone it may be the one of then: say so rather than show an older one
        if then and (max(then) + 1 in history or max(then) == max(history)):
            found[table] = max(then)
    if not set(TABLES) <= set(found):
        raise NotFoundError(
            f"the store did not exist at {moment.isoformat()}, or its versions of then are gone",
            hint="ask for a later moment, or leave `at` out; a tag keeps versions from being compacted away",
        )
    return found
