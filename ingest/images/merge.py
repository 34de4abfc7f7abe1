"""What a source says of an image that is stored already: it fills what is empty, and replaces when asked.

Of values that differ the stored one stays, unless `update` is given; both are counted. The result does not
depend on how often a source is read, nor on where a run was stopped.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa

from ...runtime.composite import composite_parts
from ...runtime.tokens import TOKENIZER_FILE
from ...store import Store, vectors_table
from ...store.rights import Change, RightsLog, Said, changes_between
from ...store.row_updates import RowUpdate
from .sources.cells import TEXTS

COLUMNS = (*TEXTS, "metadata")


@dataclass(frozen=True)
class MergedTable:
    """A table whose rows are merged: its key, columns of one value, the text that encoders may look at."""

    name: str
    key: str
    values: tuple[str, ...]
    caption: str


IMAGES = MergedTable("images", "image_id", TEXTS, "caption")
MERGED_AT_ONCE = 32_768
"""Images whose values are merged in one commit."""

Values: TypeAlias = Mapping[str, Any]
"""The columns of one value, None where there is none, and `metadata` as a mapping or None."""

UNNAMED = Said("table")


@dataclass(frozen=True)
class Difference:
    """A value that is stored, and another one that a source gives."""

    uri: str
    column: str
    stored: Any
    given: Any


@dataclass
class MergeCounts:
    """Images whose values were filled, replaced, or differ and were kept; and of each, how many by column.

    `captions` are the ids of the images whose caption changed.
    """

    filled: int = 0
    replaced: int = 0
    differing: int = 0
    filled_columns: Counter[str] = field(default_factory=Counter)
    replaced_columns: Counter[str] = field(default_factory=Counter)
    differing_columns: Counter[str] = field(default_factory=Counter)
    example: Difference | None = None
    captions: list[str] = field(default_factory=list)

    def of_one_image(self) -> "MergeCounts":
        """These counts by column, with one image for each kind that there is."""
        self.filled = bool(self.filled_columns)
        self.replaced = bool(self.replaced_columns)
        self.differing = bool(self.differing_columns)
        return self

    def add(self, other: "MergeCounts") -> None:
        """Add the counts of other images."""
        for name in ("filled", "replaced", "differing"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
            getattr(self, f"{name}_columns").update(getattr(other, f"{name}_columns"))
        self.example = self.example or other.example
        self.captions += other.captions


class Merge:
    """Collects the values that sources have for stored images, and writes those of many images in one commit.

    With `dry_run` everything is counted and nothing is written.
    """

    def __init__(
        self, store: Store, *, update: bool = False, dry_run: bool = False, table: MergedTable = IMAGES
    ) -> None:
        self.counts = MergeCounts()
        self._store, self._update, self._dry_run, self._table = store, update, dry_run, table
        self._given: dict[str, list[tuple[Values, Said]]] = {}

    def __len__(self) -> int:
        return len(self._given)

    def add(self, image_id: str, values: Values, said: Said = UNNAMED) -> None:
        """Note the values that a source has for a stored image, whose records may be several."""
        if any(value not in (None, "", {}) for value in values.values()):
            self._given.setdefault(image_id, []).append((values, said))

    def write(self) -> None:
        """Merge what was noted into the stored rows, in one commit."""
        if not self._given:
            return
        latest, log = MergeCounts(), RightsLog(self._store)

        def compute(stored: pa.Table) -> pa.Table:
            nonlocal latest
            latest = MergeCounts()
            changed, changes = self._merge(stored, latest)
            if self._dry_run:
                return changed.slice(0, 0)
            log.write(changes)
            return changed

        columns = (*self._table.values, "metadata")
        RowUpdate(self._store, self._table.name, list(self._given), columns, compute, also=("uri",)).run()
        self.counts.add(latest)
        self._given.clear()

    def _merge(self, stored: pa.Table, counts: MergeCounts) -> tuple[pa.Table, list[Change]]:
        """The rows of `stored` that change, with their new values; and of images, the changes of rights."""
        changed, key, caption = [], self._table.key, self._table.caption
        changes: list[Change] = []
        for row in stored.to_pylist():
            merged, one = row, MergeCounts()
            for values, said in self._given[row[key]]:
                before = merged
                merged = merge_row(merged, values, one, update=self._update, columns=self._table.values)
                if self._table is IMAGES:
                    changes += changes_between(row[key], before, merged, said)
            counts.add(one.of_one_image())
            if merged[caption] != row[caption]:
                counts.captions.append(row[key])
            if merged != row:
                changed.append(merged)
        return pa.Table.from_pylist(changed, schema=stored.schema.remove_metadata()), changes


def merge_row(
    stored: Values, given: Values, counts: MergeCounts, *, update: bool, columns: Sequence[str] = TEXTS
) -> dict[str, Any]:
    """The stored row with what is given; values are counted by column, images are not."""
    merged = dict(stored)
    uri = str(stored.get("uri") or "")
    for column in columns:
        merged[column] = _pick(uri, column, stored[column], given.get(column), counts, update=update)
    known = parse_metadata(stored["metadata"])
    if given.get("metadata") and known is not None:
        fields = dict(known)
        for name, value in given["metadata"].items():
            fields[name] = _pick(uri, f"metadata.{name}", known.get(name), value, counts, update=update)
        if fields != known:
            merged["metadata"] = metadata_text(fields)
    return merged


def _pick(uri: str, column: str, stored: Any, given: Any, counts: MergeCounts, *, update: bool) -> Any:
    """The value that stays."""
    if given in (None, "") or given == stored or str(given) == str(stored):  # '7' of a CSV file is 7
        return stored
    if stored in (None, ""):
        counts.filled_columns[column] += 1
        return given
    counts.example = counts.example or Difference(uri, column, stored, given)
    if update:
        counts.replaced_columns[column] += 1
        return given
    counts.differing_columns[column] += 1
    return stored


def outdated_vectors(store: Store, counts: MergeCounts) -> dict[str, int]:
    """By encoder that looks at captions, how many vectors were made before the caption changed."""
    if not counts.captions:
        return {}
    encoders = store.read("encoders", ["encoder", "files", "parts"]).to_pylist()
    looking = [row["encoder"] for row in encoders if TOKENIZER_FILE in (row["files"] or "")]
    looking += [
        row["encoder"] for row in encoders if any(part.name in looking for part in composite_parts(row))
    ]
    there = {name: vectors_table(name) for name in looking if vectors_table(name) in store.tables()}
    found = {name: len(store.held(table, counts.captions)) for name, table in there.items()}
    return {name: number for name, number in found.items() if number}


def parse_metadata(text: str | None) -> dict[str, Any] | None:
    """The fields of a row's metadata; None where it is no JSON object, and so cannot be merged."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def metadata_text(fields: Mapping[str, Any]) -> str | None:
    """Fields as a row's metadata: JSON with sorted keys, null for none."""
    kept = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(kept, sort_keys=True) if kept else None


class MergingWriter:
    """What writers of rows share: the values that stored rows are given, merged many at once."""

    def __init__(self, merge: Merge) -> None:
        self._merge = merge

    @property
    def merged(self) -> MergeCounts:
        """What was filled, replaced or left different in stored rows."""
        return self._merge.counts

    @property
    def waiting(self) -> bool:
        """Whether values of stored rows wait to be merged."""
        return len(self._merge) > 0

    @property
    def full(self) -> bool:
        """Whether so many wait that it is time to merge them."""
        return len(self._merge) >= MERGED_AT_ONCE

    def flush(self) -> None:
        """Merge what waits."""
        self._merge.write()
