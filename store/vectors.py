"""Vector tables: one an encoder, created when its width is known, with one more column a mapper."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import lance
import numpy as np
import pyarrow as pa
from lance.fragment import FragmentMetadata

from .errors import ConflictError, InvalidInputError
from .ids import mapped_column
from .lookup import quote
from .retries import with_retries
from .schema import ENCODER_METADATA
from .tables import Tables, create_table

Compute = Callable[[pa.RecordBatch], np.ndarray]

SCAN_ROWS = 8192
READ_AHEAD_BYTES = 32 << 20
TOLERANCE = 1e-6  # of unit-length vectors: what another batch size or thread count changes is rounding


def ensure_vector_table(tables: Tables, table: str, wanted: pa.Schema) -> str:
    """Create `table` unless it exists. Returns its name.

    Raises InvalidInputError when it exists with another dimension, ConflictError when it belongs to another
    encoder whose name becomes the same in SQL.
    """
    create_table(tables.layout, table, wanted)
    found = tables.schema(table)
    owner, encoder = encoder_of(found), encoder_of(wanted)
    if owner != encoder:
        raise ConflictError(
            f"the encoders {owner!r} and {encoder!r} would both be kept in {table}", hint="rename one of them"
        )
    have, want = (one.field("base").type.list_size for one in (found, wanted))
    if have != want:
        raise InvalidInputError(
            f"{table} holds vectors of length {have}, {encoder!r} makes {want}",
            hint="use another encoder name for another model, or another store",
        )
    if wanted.field("base").type.value_type == pa.float16() != found.field("base").type.value_type:
        raise InvalidInputError(
            f"{table} holds features as float32", hint="leave float16 out, or use another store"
        )
    return table


def encoder_of(table_schema: pa.Schema) -> str:
    """The name of the encoder that a vector or view table belongs to, as it was given."""
    name: bytes = (table_schema.metadata or {}).get(ENCODER_METADATA, b"")
    return name.decode()


def set_column(tables: Tables, table: str, column: str, compute: Compute, dim: int | None = None) -> int:
    """Set `column` of every row to what `compute` returns, in one commit. See Store.set_vector_column.

    Readers see the old column or the new one, never a mixture: the new values are written beside the
    table and committed at once, with those of rows that were appended meanwhile. Only a column whose width
    changes is missing for a moment: it is dropped, then added again.
    """
    return ColumnUpdate(tables, table, column, compute, dim).commit()


def _check_column(tables: Tables, table: str, column: str) -> None:
    table_schema = tables.schema(table)
    if not table.startswith("vectors_") or not column.startswith("mapped_"):
        raise InvalidInputError(
            f"{table}.{column} is not a mapped column",
            hint="use vectors_table(encoder) and mapped_column(mapper)",
        )
    where = f"encoder = {quote(encoder_of(table_schema))}"
    names = tables.read("mappers", ["mapper"], where)["mapper"].to_pylist()
    sharing = sorted(name for name in names if mapped_column(name) == column)
    if len(sharing) > 1:
        raise ConflictError(
            f"the mappers {' and '.join(map(repr, sharing))} would both be kept in {table}.{column}",
            hint="give one of them another name",
        )


@dataclass(frozen=True)
class ColumnFile:
    """New values of a column in one fragment, in a file that no version names yet. Picklable.

    Attributes:
        read: what the fragment was when its rows were read.
        fragment: Lance's metadata of it with the new file, as JSON; None where no row changes.
        fields: numbers of the columns that the file holds.
        rows: how many change.
    """

    read: str
    fragment: str | None = None
    fields: tuple[int, ...] = ()
    rows: int = 0


def write_column(dataset: lance.LanceDataset, number: int, column: str, compute: Compute) -> ColumnFile:
    """Write the new values of the rows of fragment `number` that change. Raises InvalidInputError."""
    fragment, kind = dataset.get_fragment(number), dataset.schema.field(column).type
    read = str(fragment.metadata)
    changed = list(_changed_rows(fragment, column, kind, compute))
    if not changed:
        return ColumnFile(read)
    metadata, fields = fragment.update_columns(pa.Table.from_batches(changed))
    rows = sum(batch.num_rows for batch in changed)
    return ColumnFile(read, json.dumps(metadata.to_json()), tuple(fields), rows)


@dataclass
class ColumnUpdate:
    """New values of a column in the files of every fragment, computed again only where a fragment changed.

    `files` are those that were written already, here or by other processes, by number of the fragment.
    """

    tables: Tables
    table: str
    column: str
    compute: Compute
    dim: int | None = None
    files: dict[int, ColumnFile] = field(default_factory=dict)
    _schema: int | None = None

    def open(self) -> lance.LanceDataset:
        """The newest version, which has the column. What was written for another schema is forgotten."""
        _check_column(self.tables, self.table, self.column)
        dataset = _with_column(self.tables, self.table, self.column, self.dim)
        if self._schema not in (None, dataset.max_field_id):
            self.files.clear()
        self._schema = dataset.max_field_id
        return dataset

    def commit(self) -> int:
        """Write what is missing and commit all. Returns the rows changed. Raises ConflictError."""
        return with_retries(f"writing {self.table}.{self.column}", self._commit)

    def _commit(self) -> int:
        dataset = self.open()
        files = [self._file(dataset, one) for one in dataset.get_fragments()]
        rows = sum(file.rows for file in files)
        if rows:
            # conflicts with whatever named these fragments since `dataset` was opened: every upsert does
            update = lance.LanceOperation.Update(
                updated_fragments=[
                    FragmentMetadata.from_json(file.fragment) for file in files if file.fragment
                ],
                fields_modified=sorted({number for file in files for number in file.fields}),
                update_mode="rewrite_columns",
            )
            lance.LanceDataset.commit(dataset, update, read_version=dataset.version)
        return rows

    def _file(self, dataset: lance.LanceDataset, fragment: lance.LanceFragment) -> ColumnFile:
        """The file of a fragment, written now unless there is one of what the fragment is."""
        number = int(fragment.fragment_id)
        file = self.files.get(number)
        if file is None or file.read != str(fragment.metadata):
            file = self.files[number] = write_column(dataset, number, self.column, self.compute)
        return file


def _with_column(tables: Tables, table: str, column: str, dim: int | None) -> lance.LanceDataset:
    """The newest `table`, with an all-null `column` of vectors of length `dim` added where it has none."""
    dataset = tables.dataset(table)
    kind = pa.list_(pa.float32(), dim or dataset.schema.field("base").type.list_size)
    if column in dataset.schema.names and dataset.schema.field(column).type != kind:
        dataset.drop_columns([column])
        dataset = tables.dataset(table)
    if column not in dataset.schema.names:
        dataset.add_columns(pa.field(column, kind))  # writes only the schema
        dataset = tables.dataset(table)
    return dataset


def _changed_rows(
    fragment: lance.LanceFragment, column: str, kind: pa.DataType, compute: Compute
) -> Iterator[pa.RecordBatch]:
    """(_rowid, column) of the rows of `fragment` whose vector is null or not what `compute` returns."""
    columns = ["item_id", "item_kind", "base", column]
    ahead = {"batch_size": SCAN_ROWS, "batch_readahead": 2, "io_buffer_size": READ_AHEAD_BYTES}
    for batch in fragment.to_batches(columns=columns, with_row_id=True, **ahead):
        fresh = _compute_vectors(batch, column, kind, compute)
        before = batch[column]
        differs = np.ones(batch.num_rows, bool)
        stored = np.asarray(before.is_valid())
        old = before.filter(before.is_valid()).flatten().to_numpy(zero_copy_only=False)
        differs[stored] = (np.abs(fresh[stored] - old.reshape(-1, kind.list_size)) > TOLERANCE).any(axis=1)
        if differs.any():
            values = pa.FixedSizeListArray.from_arrays(pa.array(fresh[differs].reshape(-1)), kind.list_size)
            rows = batch["_rowid"].filter(pa.array(differs))
            yield pa.record_batch([rows, values], names=["_rowid", column])


def _compute_vectors(batch: pa.RecordBatch, column: str, kind: pa.DataType, compute: Compute) -> np.ndarray:
    """`compute(batch)` as (rows, dim) finite float32. Raises InvalidInputError for anything else."""
    fresh = np.ascontiguousarray(compute(batch.select(["item_id", "item_kind", "base"])), np.float32)
    if fresh.shape != (batch.num_rows, kind.list_size):
        raise InvalidInputError(
            f"{column} has shape {fresh.shape} instead of {(batch.num_rows, kind.list_size)}",
            hint="was this mapper trained on another encoder?",
        )
    if not np.isfinite(fresh).all():
        raise InvalidInputError(
            f"{column} has NaN or infinite values", hint="train the mapper again with a smaller learning rate"
        )
    return fresh
