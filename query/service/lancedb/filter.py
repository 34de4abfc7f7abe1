"""The filter of LanceDB's client: a condition on the rows of one table, evaluated to their places.

Lance could evaluate filters itself. Its engine plans nested calls in exponential time, wraps integers that
overflow and divides them as integers: so filters are conditions as everywhere else, evaluated by DuckDB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...conditions import Condition, matching_rows, parse_condition
from ...sql_dataset import SqlDataset

PLACE = "place in the table"
ROW_ID = "_rowid"


@dataclass(frozen=True)
class FilteredRows:
    """The rows of a table that a filter holds for.

    Attributes:
        places: (n,) positions in the table, rising.
        row_ids: (n,) Lance's ids of them.
    """

    places: NDArray[np.int64]
    row_ids: NDArray[np.uint64]


def parse_filter(text: str | None) -> Condition | None:
    """The condition of a filter; None for an empty one. "x" in double quotes is text, as LanceDB reads it."""
    if text is None or not text.strip():
        return None
    return parse_condition(text, quoted_is_text=True)


def filter_rows(dataset: Any, condition: Condition) -> FilteredRows:
    """The rows of a Lance dataset that a condition holds for.

    Raises InvalidInputError for columns that it does not have, or what fails on its rows, and LimitError.
    """
    readable = SqlDataset(dataset)
    condition.check_columns(readable.schema.names)
    columns = [name for name in readable.schema.names if name.lower() in condition.columns]
    fields = [readable.schema.field(name) for name in columns]
    schema = pa.schema([*fields, pa.field(PLACE, pa.int64()), pa.field(ROW_ID, pa.uint64())])
    found = matching_rows(condition, _numbered(dataset, schema), schema, [PLACE, ROW_ID])
    places = found[PLACE].to_numpy()
    order = np.argsort(places)
    return FilteredRows(places[order], found[ROW_ID].to_numpy()[order])


def _numbered(dataset: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of the dataset with their places and row ids, as `schema` has them."""
    scanner = dataset.scanner(columns=schema.names[:-2], with_row_id=True, scan_in_order=True)
    first = 0
    for batch in scanner.to_batches():
        places = pa.array(np.arange(first, first + batch.num_rows))
        columns = [batch[field.name].cast(field.type) for field in list(schema)[:-2]]
        yield pa.RecordBatch.from_arrays([*columns, places, batch[ROW_ID]], schema=schema)
        first += batch.num_rows
