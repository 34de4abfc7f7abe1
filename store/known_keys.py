"""The keys that a table holds, remembered between the upserts of a process.

The keys of each fragment are read once, when it is new to this process: a job that writes a table shard by
shard reads its last shard back, not all of them. A key takes 12 bytes: a hash and the number of its fragment.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from threading import Lock

import lance
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .columns import key_columns
from .lookup import FEW, SCAN_ROWS, is_in

REMEMBERED = 4  # tables

Level = tuple[NDArray[np.uint64], NDArray[np.uint32]]


class KnownKeys:
    """Hashes of the keys of one table beside the fragments that hold them. Thread-safe.

    They are kept in sorted levels, each at least twice as long as the next, so that adding a fragment moves a
    hash a logarithmic number of times.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._fragments: dict[int, Hashable] = {}  # fragment -> its files, which change when its keys do
        self._levels: list[Level] = []

    def held(self, dataset: lance.LanceDataset, rows: pa.Table) -> pa.BooleanArray:
        """(rows,) whether `dataset` holds the key of each of `rows`."""
        keys = key_columns(rows.schema)
        wanted = _hashes(rows.select(keys))
        with self._lock:
            self._refresh(dataset, keys)
            fragments = self._find(wanted)
        if not fragments:
            return pa.array(np.zeros(rows.num_rows, np.bool_))
        return _confirm(dataset, fragments, rows.select(keys))

    def _refresh(self, dataset: lance.LanceDataset, keys: Sequence[str]) -> None:
        """Forget fragments that are gone or changed, and read those that are new."""
        fragments = {one.fragment_id: one for one in dataset.get_fragments()}
        files = {number: _files(one) for number, one in fragments.items()}
        gone = [number for number, known in self._fragments.items() if files.get(number) != known]
        if gone:
            kept = [(level, ~np.isin(level[1], gone)) for level in self._levels]
            self._levels = [(hashes[keep], owners[keep]) for (hashes, owners), keep in kept]
            for number in gone:
                del self._fragments[number]
        new = [one for number, one in fragments.items() if number not in self._fragments]
        if new:
            self._add(_read(dataset, new, keys))
            self._fragments |= {one.fragment_id: files[one.fragment_id] for one in new}

    def _add(self, level: Level) -> None:
        self._levels.append(level)
        while len(self._levels) > 1 and len(self._levels[-2][0]) < 2 * len(self._levels[-1][0]):
            (first, ours), (second, theirs) = self._levels.pop(), self._levels.pop()
            self._levels.append(_sorted(np.concatenate([first, second]), np.concatenate([ours, theirs])))

    def _find(self, wanted: NDArray[np.uint64]) -> set[int]:
        """The fragments that hold one of the `wanted` hashes."""
        found: set[int] = set()
        for hashes, owners in self._levels:
            starts, ends = np.searchsorted(hashes, wanted, "left"), np.searchsorted(hashes, wanted, "right")
            for start, end in zip(starts[starts < ends], ends[starts < ends], strict=True):
                found.update(owners[start:end].tolist())
        return found


_tables: OrderedDict[str, KnownKeys] = OrderedDict()
_tables_lock = Lock()


def known_keys(uri: str) -> KnownKeys:
    """What this process remembers of the table at `uri`. Keeps the `REMEMBERED` last used tables."""
    with _tables_lock:
        found = _tables.setdefault(uri, KnownKeys())
        _tables.move_to_end(uri)
        while len(_tables) > REMEMBERED:
            _tables.popitem(last=False)
        return found


def _files(fragment: lance.LanceFragment) -> Hashable:
    """What changes when the rows of a fragment do. File names are never used again."""
    metadata = fragment.metadata
    return tuple(file.path for file in metadata.files), str(metadata.deletion_file)


def _read(
    dataset: lance.LanceDataset, fragments: Sequence[lance.LanceFragment], keys: Sequence[str]
) -> Level:
    """The hashes of all keys of some fragments, sorted, and the fragment of each."""
    scanner = dataset.scanner(
        columns=list(keys),
        fragments=fragments,
        with_row_address=True,
        batch_size=SCAN_ROWS,
        batch_readahead=2,
    )
    hashes, owners = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint32)]
    for batch in scanner.to_batches():
        hashes.append(_hashes(pa.table(batch).select(keys)))
        owners.append((batch["_rowaddr"].to_numpy() >> np.uint64(32)).astype(np.uint32))
    return _sorted(np.concatenate(hashes), np.concatenate(owners))


def _sorted(hashes: NDArray[np.uint64], owners: NDArray[np.uint32]) -> Level:
    order = np.argsort(hashes, kind="stable")
    return hashes[order], owners[order]


def _hashes(keys: pa.Table) -> NDArray[np.uint64]:
    """(rows,) a 64-bit hash of each key."""
    import polars as pl  # imported late: `import attribase` stays light

    frame = pl.DataFrame(pl.from_arrow(keys))
    hashes: NDArray[np.uint64] = frame.hash_rows(seed=0).to_numpy()
    return hashes


def _confirm(dataset: lance.LanceDataset, fragments: set[int], keys: pa.Table) -> pa.BooleanArray:
    """(rows,) whether one of `fragments` holds each of `keys`: equal hashes alone are no proof."""
    first = keys.column_names[0]
    values = keys[first].unique().to_pylist()
    stored = dataset.scanner(
        columns=keys.column_names,
        fragments=[dataset.get_fragment(number) for number in sorted(fragments)],
        filter=is_in(first, values) if len(values) <= FEW else None,
        batch_size=SCAN_ROWS,
        batch_readahead=2,
    ).to_table()
    numbered = keys.append_column("row", pa.array(range(keys.num_rows), pa.int64()))
    there = numbered.join(stored, keys=keys.column_names, join_type="left semi")["row"].to_numpy()
    held = np.zeros(keys.num_rows, np.bool_)
    held[there] = True
    return pa.array(held)
