"""A store pinned at one version of each table, and the feature rows that it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..runtime.mapper import RAW, normalise
from ..runtime.memory import reuse_freed_memory
from ..store.errors import ConflictError
from ..store.ids import mapped_column, vectors_table
from ..store.schema import TABLES
from ..store.vector_files import VectorFiles

if TYPE_CHECKING:
    from ..store import Store


MANY_ROWS = 100
"""Rows read by position, from which on others are read from the files themselves, where these are plain."""

READ_AHEAD = 64 << 20
"""Bytes that Lance may read ahead of the block in use."""


NO_COLUMNS = pa.schema([])


@dataclass(frozen=True)
class Pinned:
    """A store with every table held at one version, so that what is read together belongs together."""

    store: Store
    versions: dict[str, int]

    @classmethod
    def now(cls, store: Store) -> Pinned:
        """The store as it is."""
        return cls(store, store.versions())

    def dataset(self, table: str) -> Any:
        """The pinned Lance dataset of `table`."""
        return self.store.dataset(table, self.versions[table])

    def read(self, table: str, columns: Sequence[str]) -> pa.Table:
        """The named columns of all rows; null where this version is from before the column was added."""
        dataset = self.dataset(table)
        later = TABLES.get(table, NO_COLUMNS)
        missing = [name for name in columns if name not in dataset.schema.names and name in later.names]
        if not missing:
            return dataset.scanner(columns=list(columns)).to_table()
        stored = [name for name in columns if name not in missing] or dataset.schema.names[:1]
        rows = dataset.scanner(columns=stored).to_table()
        for name in missing:
            rows = rows.append_column(later.field(name), pa.nulls(rows.num_rows, later.field(name).type))
        return rows.select(list(columns))

    def tables(self) -> list[str]:
        """The names of all tables."""
        return list(self.versions)


class FeatureReader:
    """Reads what `mapper` makes of the items of `encoder`: h of images, h~ of samples, as stored."""

    def __init__(self, pinned: Pinned, encoder: str, mapper: str = RAW) -> None:
        self.encoder, self.mapper = encoder, mapper
        self.column = "base" if mapper == RAW else mapped_column(mapper)
        self.dataset = pinned.dataset(vectors_table(encoder))
        if self.column not in self.dataset.schema.names:
            raise self.not_mapped()
        self.dim: int = self.dataset.schema.field(self.column).type.list_size
        self._ids: pa.Array | None = None
        self._taken = 0
        self._lock = Lock()

    @property
    def ids(self) -> pa.Array:
        """The ids of all items, in the order of the table, read on first use."""
        with self._lock:
            if self._ids is None:
                items = self.dataset.scanner(columns=["item_id"]).to_table()
                self._ids = items["item_id"].combine_chunks()
            return self._ids

    @property
    def has_ids(self) -> bool:
        """Whether `ids` were read."""
        return self._ids is not None

    def positions(self, ids: Sequence[str] | pa.Array) -> NDArray[np.int64]:
        """(len(ids),) where each of `ids` is in the vector table; -1 where it has no vector."""
        wanted = ids if isinstance(ids, pa.Array) else pa.array(ids, pa.string())
        distinct = pc.unique(wanted)
        found = pc.index_in(self.ids, value_set=distinct)  # hashes the wanted ids, not the whole table
        positions = np.full(len(distinct), -1, np.int64)
        positions[found.drop_null().to_numpy()] = np.flatnonzero(np.asarray(found.is_valid()))
        of_wanted: NDArray[np.int64] = positions[pc.index_in(wanted, value_set=distinct).to_numpy()]
        return of_wanted

    def raw(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Rows (items, dim) in the order of `ids`. Raises ConflictError where a vector is missing."""
        positions = self.positions(ids)
        missing = np.flatnonzero(positions < 0)
        if len(missing):
            raise ConflictError(
                f"{len(missing)} of {len(ids)} items have no {self.encoder} vector, "
                f"the first is {ids[int(missing[0])]}",
                hint=f"attribase -s STORE ingest embed --encoder {self.encoder}; the table failures lists "
                "what could not be embedded",
            )
        return self.raw_at(positions)

    def raw_at(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Rows (items, dim) by position in the vector table. ConflictError for one that is not mapped."""
        if not len(positions):
            return np.zeros((0, self.dim), np.float32)
        self._taken += len(positions)
        if self._taken >= MANY_ROWS and (files := self._vector_files) is not None:
            return files.rows(positions)
        return self._array(self.dataset.take(positions.tolist(), columns=[self.column])[self.column])

    @cached_property
    def _vector_files(self) -> VectorFiles | None:
        return VectorFiles.open(self.dataset, self.column)

    def stream(
        self, chosen: NDArray[np.bool_], block: int, *, reuse: bool = False
    ) -> Iterator[NDArray[np.float32]]:
        """Blocks (up to `block`, dim) of the chosen rows, in the order of the table.

        Args:
            chosen: (rows of the table,) which ones.
            block: rows read at once. They are read from the files themselves where these are plain: Lance
                takes ten times the time of a core. It reads at most READ_AHEAD bytes ahead, and nothing of
                the fragments that have no chosen row.
            reuse: a block may be overwritten by the next one; large ones take long to allocate.

        Raises ConflictError where a row has not been mapped.
        """
        files = self._vector_files
        if files is None:
            yield from self._stream_from_lance(chosen, block)
            return
        positions = np.flatnonzero(chosen)
        buffer = files.buffer(min(block, len(positions))) if reuse else None
        with reuse_freed_memory():
            for start in range(0, len(positions), block):
                files.read_ahead(positions[start + block : start + 2 * block])
                yield files.rows(positions[start : start + block], buffer)

    def _stream_from_lance(self, chosen: NDArray[np.bool_], block: int) -> Iterator[NDArray[np.float32]]:
        fragments = self.dataset.get_fragments()
        ends = np.cumsum([fragment.count_rows() for fragment in fragments])
        parts = np.split(chosen, ends[:-1])
        needed = [at for at, part in enumerate(parts) if part.any()]
        if not needed:
            return
        scanner = self.dataset.scanner(
            columns=[self.column],
            fragments=[fragments[at] for at in needed],
            batch_size=block,
            batch_readahead=8,
            io_buffer_size=READ_AHEAD,
        )
        left = np.concatenate([parts[at] for at in needed])
        with reuse_freed_memory():
            for batch in scanner.to_batches():
                mine, left = left[: batch.num_rows], left[batch.num_rows :]
                if mine.all():
                    yield self._array(batch[self.column])
                elif mine.any():
                    yield self._array(batch[self.column].filter(pa.array(mine)))

    def _array(self, column: pa.Array | pa.ChunkedArray) -> NDArray[np.float32]:
        """(items, dim) of a vector column."""
        if column.null_count:
            raise self.not_mapped()
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        stored = whole.flatten().to_numpy(zero_copy_only=False)
        flat: NDArray[np.float32] = stored.astype(np.float32, copy=False)
        return flat.reshape(len(whole), self.dim)

    def not_mapped(self) -> ConflictError:
        """The error for items that the mapper has no vector of."""
        return ConflictError(
            f"some vectors of {self.encoder} have not been mapped by {self.mapper!r}",
            hint=f"map them: attribase -s STORE train mapper --encoder {self.encoder} --name {self.mapper}",
        )


def is_among(ids: pa.Array, some: pa.Array) -> NDArray[np.bool_]:
    """(ids,) whether each is one of `some`. Neither names one twice.

    Where both are in one order, as images come in, they are compared place by place, and only the others are
    looked up: hashing a million ids takes a second of a core.
    """
    both = min(len(ids), len(some))
    same = np.asarray(pc.equal(ids[:both], some[:both]))
    found = np.zeros(len(ids), bool)
    found[:both] = same
    if not same.all() or len(some) > both < len(ids):
        rest = some.filter(pa.array(~np.append(same, np.zeros(len(some) - both, bool))))
        left = np.flatnonzero(~found)
        found[left] = np.asarray(pc.is_in(ids.take(pa.array(left)), value_set=rest))
        pa.default_memory_pool().release_unused()  # the hash table of a million ids
    return found


class ImageSet:
    """Those of some images that have a vector, streamed in the order of the table, never all in memory."""

    def __init__(self, features: FeatureReader, ids: pa.Array, block: int = 8192) -> None:
        """The images `ids`, distinct, in blocks of up to `block` rows."""
        self.features, self.block = features, block
        self._chosen = is_among(features.ids, ids)
        self._count = int(np.count_nonzero(self._chosen))
        self.missing = len(ids) - self._count  # how many have no vector

    def __len__(self) -> int:
        return self._count

    @property
    def ids(self) -> pa.Array:
        """Image ids (len(self),) in the order of the blocks."""
        return self.features.ids.filter(pa.array(self._chosen))

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Blocks (up to `block`, dim) of unit rows, in the order of `ids`."""
        for rows in self.raw_blocks():
            yield normalise(rows)

    def raw_blocks(self) -> Iterator[NDArray[np.float32]]:
        """Blocks (up to `block`, dim) of rows as stored, in the order of `ids`."""
        yield from self.features.stream(self._chosen, self.block)

    def indices(self, ids: Sequence[str] | pa.Array) -> NDArray[np.int64]:
        """(len(ids),) where each is in `self.ids`, and so in the blocks; -1 where it is not."""
        positions = self.features.positions(ids)
        among = (positions >= 0) & self._chosen[positions]
        return np.where(among, np.cumsum(self._chosen)[positions] - 1, -1)
