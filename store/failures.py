"""The inputs that a stage left out, each with where it is from, why, and what to do about it.

A row is keyed by stage, source and item. `source` is the folder, file or address that the item belongs to; it
is empty where the item is an id of this store, as for `embed`, and in rows that an earlier version of
attribase wrote. The newest reason of an item replaces earlier ones, and its row goes when the item works.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from .columns import utc_now
from .lookup import FEW, is_in, quote
from .retries import with_retries
from .tables import Tables


class Failure(NamedTuple):
    """An item that was left out: `reason` is a word to group by, `detail` and `remedy` are for people."""

    item: str
    reason: str
    detail: str = ""
    remedy: str = ""


def record_failures(tables: Tables, stage: str, failures: Sequence[Failure], *, source: str = "") -> None:
    """Store what `stage` left out of `source`; of an item the last of `failures` counts.

    Writes nothing for an item that is stored with the same reason, detail and remedy.
    """
    if not failures:
        return
    columns = ["item", "reason", "detail", "remedy"]
    where = _among(_of(stage, source), [failure[0] for failure in failures])
    stored = {Failure(*row.values()) for row in tables.read("failures", columns, where).to_pylist()}
    now = utc_now()
    rows = [
        {"stage": stage, "source": source, **Failure(*failure)._asdict(), "at": now}
        for failure in failures
        if Failure(*failure) not in stored
    ]
    if rows:
        tables.upsert("failures", rows, update=True)


def failed_items(tables: Tables, stage: str, source: str = "") -> set[str]:
    """The items of `source` that `stage` left out."""
    return set(tables.read("failures", ["item"], _of(stage, source))["item"].to_pylist())


def forget_failures(tables: Tables, stage: str, items: Iterable[str], *, source: str = "") -> None:
    """Delete the failures of `items`, because they worked when tried again or are there no more.

    So are those of the same items whose source an earlier version did not record.
    """
    wanted = set(items)
    for origin in {source, ""}:
        gone = sorted(failed_items(tables, stage, origin) & wanted)
        for start in range(0, len(gone), FEW):
            where = f"{_of(stage, origin)} AND {is_in('item', gone[start : start + FEW])}"
            with_retries("deleting failures", partial(_delete, tables, where))


def _of(stage: str, source: str) -> str:
    return f"stage = {quote(stage)} AND source = {quote(source)}"


def _among(where: str, items: Sequence[str]) -> str:
    """The condition `where` for `items` alone when they are few."""
    return f"{where} AND {is_in('item', items)}" if 0 < len(items) <= FEW else where


def _delete(tables: Tables, where: str) -> None:
    tables.dataset("failures").delete(where)
