"""Who holds rights in an image, and the log of every change of it.

An entry of `rights_log` is written before its change, so that no change is without one. Between the two a
process can be killed: then the last entry is ahead of the image until the same command runs again, which
recognises it. An attempt that another writer came before takes its entries back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from .columns import utc_now
from .errors import ConflictError, InvalidInputError
from .ids import key_id
from .lookup import rows_with
from .row_updates import RowUpdate
from .store import Store
from .tables import Tables
from .tombstones import delete_rows

TABLE = "rights_log"
FIELDS = ("creator", "rights_holder", "license", "license_url", "reservation", "source")
"""The columns of `images` whose changes are logged."""

RESERVATIONS = ("none", "tdm", "opt-out")
"""What a holder says of training on an image; null is not known.

`none`: nothing is reserved. `tdm`: text and data mining is reserved, as Article 4(3) of Directive (EU)
2019/790 allows. `opt-out`: training alone is refused, in the file, in a register or by letter.
"""

Provenance = Literal["metadata", "table", "hand"]
ATTEMPTS = 8


class Said(NamedTuple):
    """Where a value is from: the metadata of the file, a table (or another source), or set by hand."""

    provenance: Provenance
    origin: str | None = None
    note: str | None = None


class Change(NamedTuple):
    """A field of an image that changes from `old` to `new`; `said` by whom."""

    image_id: str
    field: str
    old: str | None
    new: str | None
    said: Said


def changes_between(
    image_id: str, before: Mapping[str, Any], after: Mapping[str, Any], said: Said
) -> Iterator[Change]:
    """The fields of rights that differ; '' counts as null."""
    for field in FIELDS:
        old, new = before.get(field) or None, after.get(field) or None
        if old != new:
            yield Change(image_id, field, old, new, said)


def change_id(image_id: str, field: str, number: int) -> str:
    """The key of the change with this number of a field of an image."""
    return key_id(TABLE, image_id, field, number)


class RightsLog:
    """Writes the entries of one commit before it is made. `write` again replaces those of before."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._written: dict[Change, str] = {}

    def write(self, changes: Iterable[Change]) -> None:
        """Add the entries of `changes`, all of the images that the next commit changes, in their order."""
        wanted = list(changes)
        self._withdraw([one for one in self._written if one not in set(wanted)])
        fresh = [one for one in wanted if one not in self._written]
        if fresh and not self._write_first(fresh):
            self._append(fresh)

    def withdraw_later(self) -> None:
        """Take back what was not the first entry of its field: of images that another process inserted."""
        first = {change_id(one.image_id, one.field, 1) for one in self._written}
        self._withdraw([one for one, key in self._written.items() if key not in first])

    def _write_first(self, changes: Sequence[Change]) -> bool:
        """Whether these were the first entries of their fields, as those of a new image are, and are written.

        Looks at keys alone, which are remembered: of a million images no log is searched.
        """
        keys = {change_id(one.image_id, one.field, 1): one for one in changes}
        if any(one.old is not None for one in changes) or len(keys) < len(changes):
            return False
        if self._tables.held(TABLE, list(keys)):
            return False
        rows = [_row(one, 1) for one in changes]
        written = self._tables.upsert(TABLE, rows)
        self._written |= {one: key for key, one in keys.items()} if written == len(rows) else {}
        return written == len(rows)

    def _append(self, changes: Sequence[Change]) -> None:
        """Add entries behind those that are there. One that is its field's last already is left as it is."""
        for _ in range(ATTEMPTS):
            last = self._last({one.image_id for one in changes})
            rows = []
            for change in changes:
                at = change.image_id, change.field
                number, stored = last.get(at, (0, None))
                if stored == change:
                    self._written[change] = change_id(*at, number)
                    continue
                last[at] = number + 1, change
                self._written[change] = change_id(*at, number + 1)
                rows.append(_row(change, number + 1))
            if not rows or self._tables.upsert(TABLE, rows) == len(rows):
                return
        raise ConflictError(
            f"writing {TABLE}: other writers came first {ATTEMPTS} times",
            hint="run it again (nothing was changed), or with fewer writers at once",
        )

    def _last(self, images: Iterable[str]) -> dict[tuple[str, str], tuple[int, Change]]:
        """By image and field, the number of its last entry and that entry."""
        columns = ["image_id", "field", "number", "old", "new", "provenance", "origin", "note"]
        found: dict[tuple[str, str], tuple[int, Change]] = {}
        for row in rows_with(self._tables.dataset(TABLE), sorted(images), columns).to_pylist():
            at = row["image_id"], row["field"]
            said = Said(row["provenance"], row["origin"], row["note"])
            if row["number"] > found.get(at, (0, None))[0]:
                found[at] = row["number"], Change(*at, row["old"], row["new"], said)
        return found

    def _withdraw(self, changes: Sequence[Change]) -> None:
        delete_rows(self._tables, TABLE, "change_id", [self._written.pop(one) for one in changes])


def _row(change: Change, number: int) -> dict[str, Any]:
    return {
        "change_id": change_id(change.image_id, change.field, number),
        "image_id": change.image_id,
        "field": change.field,
        "number": number,
        "old": change.old,
        "new": change.new,
        **change.said._asdict(),
        "at": utc_now(),
    }


@dataclass(frozen=True)
class RightsSet:
    """What `set_rights` did: images it was asked for, those that changed, and how many values by field."""

    asked: int
    changed: int
    fields: Mapping[str, int]


def set_rights(
    store: Store, ids: Sequence[str], values: Mapping[str, str | None], said: Said, *, dry_run: bool = False
) -> RightsSet:
    """Set fields of rights of the images `ids` to `values`, None for unknown; each change is logged.

    One commit; safe beside other writers. What was killed is completed by the same call.

    Raises InvalidInputError for a field that images do not have, or another reservation.
    """
    check_rights(values)
    log = RightsLog(store)
    counts: dict[str, int] = {}
    changed_rows = 0

    def compute(stored: pa.Table) -> pa.Table:
        nonlocal changed_rows
        counts.clear()
        changed, changes = [], list[Change]()
        for row in stored.to_pylist():
            new = row | dict(values)
            differing = list(changes_between(row["image_id"], row, new, said))
            for change in differing:
                counts[change.field] = counts.get(change.field, 0) + 1
            changes += differing
            if differing:
                changed.append(new)
        changed_rows = len(changed)
        if dry_run:
            return stored.slice(0, 0)
        log.write(changes)
        return pa.Table.from_pylist(changed, schema=stored.schema.remove_metadata())

    RowUpdate(store, "images", list(ids), tuple(values), compute).run()
    return RightsSet(len(set(ids)), changed_rows, dict(counts))


def read_log(tables: Tables, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The entries of some images, or of all: in the order of their time, then of their number."""
    if ids is None:
        found = tables.read(TABLE)
    else:
        names = [name for name in tables.schema(TABLE).names if name != "image_id"]
        found = rows_with(tables.dataset(TABLE), ids, ["image_id", *names])
    rows = found.sort_by([("at", "ascending"), ("image_id", "ascending"), ("number", "ascending")])
    entries: list[dict[str, Any]] = rows.drop_columns(["change_id"]).to_pylist()
    return entries


def check_rights(values: Mapping[str, str | None]) -> None:
    """Raise InvalidInputError for a field that images do not have, or a reservation that there is not."""
    for field, value in values.items():
        if field not in FIELDS:
            raise InvalidInputError(
                f"{field!r} is no field of an image's rights", hint=f"use {', '.join(FIELDS)}"
            )
        if field == "reservation" and value not in (None, *RESERVATIONS):
            raise InvalidInputError(
                f"a reservation cannot be {value!r}", hint=f"use {', '.join(RESERVATIONS)}, or clear it"
            )
