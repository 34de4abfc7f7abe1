"""Give a connection the functions that answer, and each of its schemas the macros that call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.errors import AttribaseError, ConflictError, InvalidInputError, NotFoundError
from ...store.lookup import quote
from ..attribution.attribute import answer_all
from ..attribution.query_vectors import read_query_vectors
from ..attribution.request import Request
from ..session import Snapshot
from .statements import load_sql

if TYPE_CHECKING:
    import duckdb

    from ..search import SearchSpace
    from ..session import Snapshot


__all__ = ["add_macros", "register_questions"]

Options: TypeAlias = tuple[Any, ...]
Columns: TypeAlias = tuple[list[int], dict[str, list[Any]]]
"""How many rows each item has, and the rows of all items, column by column."""

Ask: TypeAlias = Callable[[list[str], Options], Columns]


def answer_column(
    items: Sequence[str | None], options: Sequence[Options], ask: Ask, fields: pa.StructType
) -> pa.Array:
    """A list of structs for each item; null for an item that is null.

    Args:
        items: (n,) what is asked about; each distinct one is asked about once per options.
        options: (n,) how; `ask` is called once for all items that have the same.
        ask: the rows of each of some items.
        fields: of one row.

    Raises what `ask` raises, with the hint in the message: DuckDB hands on nothing else.
    """
    groups: dict[Options, dict[str, int]] = {}
    places = np.full(len(items), -1, np.int64)
    for item, option in zip(items, options, strict=True):
        if item is not None:
            groups.setdefault(option, {}).setdefault(item, 0)
    answers, start = [], 0
    for option, distinct in groups.items():
        for place, item in enumerate(distinct):
            distinct[item] = start + place
        start += len(distinct)
        answers.append(_lists(*_asked(ask, list(distinct), option), fields))
    for row, (item, option) in enumerate(zip(items, options, strict=True)):
        if item is not None:
            places[row] = groups[option][item]
    together = pa.concat_arrays(answers) if answers else pa.array([], pa.list_(fields))
    return together.take(pa.array(places, mask=places < 0))


def _asked(ask: Ask, items: list[str], options: Options) -> Columns:
    try:
        return ask(items, options)
    except AttribaseError as error:
        raise type(error)(f"{error}\n{error.hint}", hint=error.hint) from error


def _lists(lengths: list[int], columns: dict[str, list[Any]], fields: pa.StructType) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    arrays = [pa.array(columns[field.name], field.type) for field in fields]
    rows = pa.StructArray.from_arrays(arrays, fields=list(fields))
    return pa.ListArray.from_arrays(pa.array(offsets), rows)


ROWS_AT_ONCE = 500_000
"""Rows of answers held as objects before they become columns."""

ATTRIBUTED = pa.struct(
    {
        "rank": pa.int64(),
        "image_id": pa.string(),
        "similarity": pa.float32(),
        "influence": pa.float64(),
        "exact": pa.bool_(),
        "complete": pa.bool_(),
        "remaining": pa.float64(),
    }
)
SIMILAR = pa.struct({"rank": pa.int64(), "image_id": pa.string(), "similarity": pa.float32()})
OWNED = pa.struct({"name": pa.string(), "influence": pa.float64(), "images": pa.int64()})


def attributed(snapshot: Snapshot, items: list[str], options: Options) -> Columns:
    """The rows of ATTRIBUTED; options are k, encoder, mapper. Errors as for `answer_all`."""
    k, encoder, mapper = options
    request = Request(encoder=encoder, mapper=mapper, k=_count(k), files=False, details=False)
    columns: dict[str, list[Any]] = {field.name: [] for field in ATTRIBUTED}
    lengths: list[int] = []
    at_once = max(1, ROWS_AT_ONCE // request.k)
    for start in range(0, len(items), at_once):
        for answer in answer_all(snapshot, items[start : start + at_once], request):
            found = answer.results
            lengths.append(len(found))
            for name in ("rank", "image_id", "similarity", "influence"):
                columns[name].extend(getattr(one, name) for one in found)
            for name in ("exact", "complete", "remaining"):
                columns[name].extend([getattr(answer, name)] * len(found))
    return lengths, columns


def owned(snapshot: Snapshot, items: list[str], options: Options) -> Columns:
    """The rows of OWNED; options are field, encoder, mapper. ConflictError where nothing is calibrated."""
    field, encoder, mapper = options
    if field is None:
        raise InvalidInputError("influence_by needs a field", hint="creator, license, category or collection")
    request = Request(encoder=encoder, mapper=mapper, k=1, by=str(field), files=False, details=False)
    columns: dict[str, list[Any]] = {one.name: [] for one in OWNED}
    lengths: list[int] = []
    for answer in answer_all(snapshot, items, request):
        if answer.tau is None:
            raise ConflictError(
                f"there is no influence: {answer.encoder} with {answer.mapper} is not calibrated",
                hint="attribase -s STORE train calibration "
                f"--encoder {answer.encoder} --mapper {answer.mapper}",
            )
        lengths.append(len(answer.shares))
        for name in columns:
            columns[name].extend(getattr(share, name) for share in answer.shares)
    return lengths, columns


def similar(snapshot: Snapshot, items: list[str], options: Options) -> Columns:
    """The rows of SIMILAR; options are k, encoder, mapper. NotFoundError for what is no stored item."""
    k, encoder, mapper = options
    space = snapshot.space(encoder, mapper)
    count = _count(k)
    own = np.asarray(pc.fill_null(pc.index_in(pa.array(items, pa.string()), value_set=space.ids), -1))
    vectors = _vectors(snapshot, space, items, own)
    pool = space.pool("all")
    columns: dict[str, list[Any]] = {field.name: [] for field in SIMILAR}
    lengths: list[int] = []
    at_once = max(1, ROWS_AT_ONCE // (min(count, pool.size) + 1))
    for start in range(0, len(items), at_once):
        found = space.search(vectors[start : start + at_once], count + 1, pool)
        for itself, rows, near in zip(own[start:], found.rows, found.similarities, strict=False):
            kept = np.flatnonzero((rows >= 0) & (rows != itself))[:count]
            lengths.append(len(kept))
            columns["rank"].extend(range(1, len(kept) + 1))
            columns["image_id"].extend(space.ids.take(pa.array(rows[kept])).to_pylist())
            columns["similarity"].extend(near[kept].tolist())
    return lengths, columns


def _vectors(
    snapshot: Snapshot, space: SearchSpace, items: list[str], own: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Unit rows (items, dim): h of images, which are rows `own` of the space, h~ of the others, samples."""
    vectors = np.empty((len(items), space.dim), np.float32)
    images = own >= 0
    vectors[images] = space.unit_rows(own[images].astype(np.int64))
    samples = [item for item, known in zip(items, images, strict=True) if not known]
    if samples:
        try:
            _, vectors[~images] = read_query_vectors(snapshot, samples, space, files=False)
        except NotFoundError as error:
            raise NotFoundError(
                f"{error}, nor an image_id with a vector of {space.encoder}", hint=error.hint
            ) from error
    return vectors


def _count(k: object) -> int:
    if not isinstance(k, int) or k < 1:
        raise InvalidInputError(f"k is {'null' if k is None else k}", hint="ask for 1 image or more")
    return k


Question: TypeAlias = Callable[[Snapshot, list[str], Options], Columns]
Column: TypeAlias = pa.ChunkedArray
Function: TypeAlias = Callable[..., pa.Array]

MACROS = ("attribute", "similar", "influence_by")

_FUNCTIONS = (
    (
        "attribute_rows",
        attributed,
        ["VARCHAR", "BIGINT", "VARCHAR", "VARCHAR"],
        "STRUCT(rank BIGINT, image_id VARCHAR, similarity FLOAT, influence DOUBLE, exact BOOLEAN, "
        "complete BOOLEAN, remaining DOUBLE)[]",
        ATTRIBUTED,
        0,
    ),
    (
        "similar_rows",
        similar,
        ["VARCHAR", "BIGINT", "VARCHAR", "VARCHAR"],
        "STRUCT(rank BIGINT, image_id VARCHAR, similarity FLOAT)[]",
        SIMILAR,
        0,
    ),
    (
        "influence_rows",
        owned,
        ["VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR"],
        "STRUCT(name VARCHAR, influence DOUBLE, images BIGINT)[]",
        OWNED,
        1,
    ),
)


def register_questions(con: duckdb.DuckDBPyConnection, worlds: Mapping[str, Snapshot]) -> None:
    """The functions behind the macros; `worlds` are the snapshots that schemas show.

    They are functions of a connection, not of a schema, so their first argument says which schema asks.
    """
    for name, ask, arguments, returns, fields, item in _FUNCTIONS:
        con.create_function(
            name,
            _function(worlds, ask, fields, item),
            ["VARCHAR", *arguments],
            returns,
            type="arrow",
            null_handling="special",
        )


def add_macros(con: duckdb.DuckDBPyConnection, schema: str) -> None:
    """The macros of one schema, created in the current one.

    CREATE takes no parameters, so the schema's name is put in as text: `main`, or a tag, which is letters,
    digits and _ only (store/tags.py). Names inside a macro are looked up where it is called, not where it
    was created, hence the need to say it at all.
    """
    for name in MACROS:
        con.execute(load_sql(name).replace("$world", quote(schema)))


def _function(worlds: Mapping[str, Snapshot], ask: Question, fields: pa.StructType, item: int) -> Function:
    """An Arrow function of (schema, four arguments), of which the one at `item` is what is asked about."""

    def ask_in(some: list[str], option: Options) -> Columns:
        schema, *rest = option
        return ask(worlds[str(schema)], some, tuple(rest))

    def answer(schema: Column, a: Column, b: Column, c: Column, d: Column) -> pa.Array:
        arguments = [column.to_pylist() for column in (a, b, c, d)]
        items = arguments.pop(item)
        options = list(zip(schema.to_pylist(), *arguments, strict=True))
        return answer_column(items, options, ask_in, fields)

    return answer
