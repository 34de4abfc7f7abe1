"""Every input that was left out, with its reason."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from .commits import with_retries
from .jobs import now
from .lookup import FEW, is_in, quote

if TYPE_CHECKING:
    from .store import Store


def record_failures(store: "Store", stage: str, failures: Sequence[tuple[str, str, str]]) -> None:
    """Keep (item, reason, detail) of `stage`; the newest reason of an item counts.

    An item that fails again as it did before is not written again.
    """
    if not failures:
        return
    known = store.read("failures", ["item", "reason", "detail"], f"stage = {quote(stage)}").to_pylist()
    before = {row["item"]: (row["reason"], row["detail"]) for row in known}
    at = now()
    rows = [
        {"stage": stage, "item": item, "reason": reason, "detail": detail, "at": at}
        for item, reason, detail in failures
        if before.get(item) != (reason, detail)
    ]
    if rows:
        store.upsert("failures", rows, update=True)


def forget_failures(store: "Store", stage: str, items: Sequence[str]) -> None:
    """Drop what is recorded of `items` under `stage`: they were tried again, and worked."""
    known = store.read("failures", ["item"], f"stage = {quote(stage)}")["item"].to_pylist()
    wanted = set(items)
    gone = [item for item in known if item in wanted]
    for start in range(0, len(gone), FEW):
        where = f"stage = {quote(stage)} AND {is_in('item', gone[start : start + FEW])}"
        with_retries("forgetting failures", partial(_delete, store, where))


def _delete(store: "Store", where: str) -> None:
    store.dataset("failures").delete(where)
