"""Vector tables: one an encoder, created when its width is known, with one more column a mapper."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import lance
import numpy as np
import pyarrow as pa

from . import schema
from .commits import with_retries
from .errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from .store import Store

Compute = Callable[[pa.RecordBatch], np.ndarray]
SCAN_ROWS = 8192


def ensure(store: "Store", table: str, wanted: pa.Schema) -> str:
    """Create `table` when it is not there. Returns its name.

    Raises InvalidInputError when it is there with another dimension, ConflictError when another encoder
    whose name reads the same in SQL has it.
    """
    if table not in store.tables():
        store._create_table(table, wanted)
    found = store.schema(table)
    owner = (found.metadata or {}).get(schema.ENCODER_METADATA, b"").decode()
    encoder = wanted.metadata[schema.ENCODER_METADATA].decode()
    if owner and owner != encoder:
        raise ConflictError(
            f"the encoders {owner!r} and {encoder!r} would both be kept in {table}", hint="rename one of them"
        )
    have, want = (one.field("base").type.list_size for one in (found, wanted))
    if have != want:
        raise InvalidInputError(
            f"{table} holds vectors of length {have}, {encoder!r} makes {want}",
            hint="use another encoder name for another model, or another store",
        )
    return table


def set_column(store: "Store", table: str, column: str, compute: Compute) -> int:
    """See Store.set_vector_column."""
    kind = store.schema(table).field("base").type
    if column not in store.schema(table).names:
        with_retries(f"adding {table}.{column}", lambda: _add_null_column(store, table, column, kind))
    changed = 0
    for batch in store.scan(table, ["item_id", "item_kind", "base", column], batch_rows=SCAN_ROWS):
        fresh = np.asarray(compute(batch.select(["item_id", "item_kind", "base"])), np.float32)
        values = pa.FixedSizeListArray.from_arrays(pa.array(fresh.reshape(-1)), kind.list_size)
        rows = pa.table(
            [batch["item_id"], batch["item_kind"], batch["base"], values],
            names=["item_id", "item_kind", "base", column],
        )
        changed += store.upsert(table, rows, update=True)
    return changed


def _add_null_column(store: "Store", table: str, column: str, kind: pa.DataType) -> None:
    dataset: lance.LanceDataset = store.dataset(table)
    if column not in dataset.schema.names:
        dataset.add_columns(pa.field(column, kind))
