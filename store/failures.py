"""Every input that was left out, with its reason."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .jobs import now
from .lookup import quote

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
