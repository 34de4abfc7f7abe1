"""A vector search as LanceDB's client asks for it: by distance, with the influence of each image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ....runtime.mapper import RAW, normalise
from ....store.errors import InvalidInputError, TooLargeError
from ....store.ids import mapped_column, vectors_table
from ...attribution.attribute import by_index
from ...attribution.request import Request
from ...attribution.retrieval import Ranking, SearchCoverage, Task, exact_pass, index_pass
from ...search import Pool
from ...search.lance_filter import parse_lance_filter
from ..options import ServiceOptions
from ..service import dataset_of
from .filters import chosen_columns, validate_filter
from .schemas import QueryBody, readable

if TYPE_CHECKING:
    from ...search import SearchSpace
    from ...session import Snapshot

OWN = {"item_id", "item_kind"}
OF_IMAGES = ("uri", "caption", "category", "creator", "license", "width", "height")


@dataclass(frozen=True)
class Hits:
    """What one query found: ids, distances, and influence where it is known, all (n,), nearest first.

    `reach` says how far the search went; None where influence has no meaning.
    """

    ids: pa.Array
    distances: NDArray[np.float32]
    influence: NDArray[np.float64] | None
    reach: SearchCoverage | None = None


def search(snapshot: Snapshot, table: str, body: QueryBody, limits: ServiceOptions) -> pa.Table:
    """The nearest rows of a vector table, with `_distance` (1 - cosine) and `influence`.

    Without a condition on `item_id` or `item_kind` these are images. Influence is of all images that the
    condition leaves, as in `attribute`; it is null where nothing is calibrated and for samples. The schema's
    metadata `attribase` says of each query how complete that is.

    Raises:
        InvalidInputError: vectors, columns, a metric or a condition that do not fit the table.
        TooLargeError: more than one answer may hold.
    """
    encoder = _encoder_of(snapshot, table)
    column = body.vector_column or "base"
    mapper = _mapper_of(snapshot, encoder, column)
    if body.distance_type is not None and body.distance_type.lower() != "cosine":
        raise InvalidInputError(  # no ConflictError: the client would ask again and again
            f"{table}.{column} is compared by cosine, not by {body.distance_type[:20]}",
            hint='leave the metric out, or say "cosine"',
        )
    count = body.k + (body.offset or 0)
    if count * len(body.vectors()) > limits.images:
        raise TooLargeError(f"{count:,} rows of one search", hint=f"set a limit of at most {limits.images:,}")
    if body.with_row_id:
        raise InvalidInputError("a search gives no row ids", hint="rows are known by their item_id")
    if body.k < 1:
        raise InvalidInputError("a search for no rows", hint="set a limit of 1 or more")
    space = snapshot.space(encoder, mapper)
    vectors = _unit_queries(body, space.dim)
    dataset = dataset_of(snapshot, table)
    own, of_images = _conditions(dataset, body.filter)
    if own is not None and dataset.count_rows(f"({own}) and item_kind <> 'image'"):
        found = [_any_kind(dataset, column, one, own, body) for one in vectors]
    else:
        found = _images(snapshot, space, vectors, body, own, of_images)
    start = body.offset or 0
    shown = [_cut(hits, start, body.k) for hits in found]
    return _table(snapshot, dataset, table, shown, body, limits)


def _encoder_of(snapshot: Snapshot, table: str) -> str:
    def read() -> dict[str, str]:
        names = snapshot.pinned.rows("encoders", ["encoder"])["encoder"].to_pylist()
        return {vectors_table(name): name for name in names}

    known: dict[str, str] = snapshot.cached(("encoder of table",), read, "encoders")
    if table in known:
        return known[table]
    raise InvalidInputError(
        f"{table} has no vectors to search", hint="search a table whose name begins with vectors_"
    )


def _mapper_of(snapshot: Snapshot, encoder: str, column: str) -> str:
    def read() -> dict[str, str]:
        rows = snapshot.pinned.rows("mappers", ["encoder", "mapper"]).to_pylist()
        mapped = {mapped_column(row["mapper"]): row["mapper"] for row in rows if row["encoder"] == encoder}
        return {"base": RAW, **mapped}

    known: dict[str, str] = snapshot.cached(("mapper of column", encoder), read, "mappers")
    if column not in known:
        raise InvalidInputError(
            f"there is no vector column {column[:200]!r}", hint=f"there are {', '.join(sorted(known))}"
        )
    return known[column]


def _unit_queries(body: QueryBody, dim: int) -> NDArray[np.float32]:
    """(queries, dim) unit rows."""
    wrong = [len(vector) for vector in body.vectors() if len(vector) != dim]
    if wrong:
        raise InvalidInputError(
            f"the column has vectors of {dim} numbers, this has {wrong[0]}", hint="is it the right column?"
        )
    with np.errstate(over="ignore"):
        vectors = np.asarray(body.vectors(), np.float32)
    if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
        raise InvalidInputError(
            "a vector is all zeros, or has a number too large for float32",
            hint="it has no direction to search in",
        )
    return normalise(vectors)


def _conditions(dataset: Any, text: str | None) -> tuple[str | None, str | None]:
    """The condition as one over the vector table itself, or as one over `images` and `members`."""
    if text is None or not text.strip():
        return None, None
    condition = parse_lance_filter(text)
    if OWN & condition.columns:
        return validate_filter(dataset, condition), None
    return None, text


def _images(
    snapshot: Snapshot,
    space: SearchSpace,
    vectors: NDArray[np.float32],
    body: QueryBody,
    own: str | None,
    of_images: str | None,
) -> list[Hits]:
    """Images nearest to each query, weighed among all that the condition leaves."""
    narrowed = space.pool("all", of_images)
    if own is not None:
        narrowed = _narrowed(snapshot, space, narrowed, own)
    pool = narrowed if body.prefilter is not False else space.pool("all")
    if not pool.size:
        return [Hits(pa.array([], pa.string()), np.zeros(0, np.float32), None) for _ in vectors]
    bounded = body.lower_bound is not None or body.upper_bound is not None
    method = "exact" if body.bypass_vector_index or bounded else "auto"
    # A lower bound leaves out the nearest: then everything is ranked, and what is too near is cut off.
    count = pool.size if body.lower_bound is not None else body.k + (body.offset or 0)
    request = Request(encoder=space.encoder, mapper=space.mapper, k=count, method=method)
    task = Task(space, pool, request, snapshot.calibration(space.encoder, space.mapper))
    through = index_pass if by_index(space, pool, request) else exact_pass
    return [_hits(space, ranking, narrowed, body) for ranking in through(task, vectors)]


def _narrowed(snapshot: Snapshot, space: SearchSpace, pool: Pool, own: str) -> Pool:
    """Those images of the pool for which a condition over the vector table holds."""
    dataset = dataset_of(snapshot, vectors_table(space.encoder))
    ids = dataset.scanner(columns=["item_id"], filter=own).to_table()["item_id"]
    mask = pool.mask & np.asarray(pc.is_in(space.ids, value_set=ids.combine_chunks()))
    return Pool(mask, int(np.count_nonzero(mask)), 0, pool.name, own)


def _hits(space: SearchSpace, ranking: Ranking, kept: Pool, body: QueryBody) -> Hits:
    """A ranking as hits: those of the pool `kept` and within the bounds."""
    distances = (1 - ranking.similarities).astype(np.float32)
    keep = kept.mask[ranking.rows] & _within(distances, body)
    influence = None if ranking.influence is None else ranking.influence[keep]
    ids = space.ids.take(pa.array(ranking.rows[keep]))
    return Hits(ids, distances[keep], influence, ranking.reach)


def _within(distances: NDArray[np.float32], body: QueryBody) -> NDArray[np.bool_]:
    """Whether each distance is at least the lower bound and below the upper one, as in LanceDB."""
    inside = np.ones(len(distances), bool)
    if body.lower_bound is not None:
        inside &= distances >= np.float32(body.lower_bound)
    if body.upper_bound is not None:
        inside &= distances < np.float32(body.upper_bound)
    return inside


def _any_kind(
    dataset: Any, column: str, vector: NDArray[np.float32], condition: str, body: QueryBody
) -> Hits:
    """Rows of any kind nearest to a query, all compared; they have no influence."""
    nearest = {
        "column": column,
        "q": vector,
        "k": body.k + (body.offset or 0),
        "metric": "cosine",
        "use_index": False,
    }
    if body.lower_bound is not None or body.upper_bound is not None:
        nearest["distance_range"] = (body.lower_bound, body.upper_bound)
    found = dataset.scanner(
        columns=["item_id", "_distance"],
        nearest=nearest,
        filter=condition,
        prefilter=body.prefilter is not False,
    ).to_table()
    ids = found["item_id"].combine_chunks()
    return Hits(ids, found["_distance"].to_numpy().astype(np.float32), None)


def _cut(hits: Hits, start: int, count: int) -> Hits:
    some = slice(start, start + count)
    influence = None if hits.influence is None else hits.influence[some]
    return Hits(hits.ids[some], hits.distances[some], influence, hits.reach)


def _table(
    snapshot: Snapshot,
    dataset: Any,
    table: str,
    found: list[Hits],
    body: QueryBody,
    limits: ServiceOptions,
) -> pa.Table:
    """The answer: the columns asked for, `_distance`, `influence`, and `query_index` of several queries."""
    stored = readable(dataset).names
    columns = chosen_columns(body.columns, [*stored, *(OF_IMAGES if body.columns is not None else ())])
    ids = pa.concat_arrays([hits.ids for hits in found])
    width = sum(_width(dataset.schema.field(name).type) for name in columns.values() if name in stored)
    if len(ids) * width > limits.answer_bytes:
        raise TooLargeError(
            f"more than {limits.answer_bytes >> 20} MB in one answer",
            hint="select fewer columns, or fewer rows",
        )
    distances = np.concatenate([hits.distances for hits in found])
    weights = [np.full(len(hits.ids), np.nan) if hits.influence is None else hits.influence for hits in found]
    influence = pa.array(np.concatenate(weights), from_pandas=True, type=pa.float64())
    parts: dict[str, Any] = {}
    if body.several:
        counts = [len(hits.ids) for hits in found]
        parts["query_index"] = pa.array(np.repeat(np.arange(len(found)), counts), pa.int32())
    rows = _rows(snapshot, table, "item_id", ids, [name for name in columns.values() if name in stored])
    beside = [name for name in columns.values() if name not in stored]
    images = _rows(snapshot, "images", "image_id", ids, beside) if beside else None
    for new, old in columns.items():
        parts[new] = rows[old] if old in stored or images is None else images[old]
    made = pa.table({**parts, "_distance": pa.array(distances, pa.float32()), "influence": influence})
    return made.replace_schema_metadata(
        {"attribase": json.dumps([_reach_json(hits.reach) for hits in found])}
    )


def _width(kind: pa.DataType) -> int:
    """About how many bytes a value takes."""
    return kind.list_size * 4 if pa.types.is_fixed_size_list(kind) else 64


def _reach_json(reach: SearchCoverage | None) -> dict[str, Any] | None:
    """What an answer says of its completeness, as `attribute` says it."""
    return None if reach is None else {"exact": reach.method == "exact", **vars(reach)}


def _rows(snapshot: Snapshot, table: str, key: str, ids: pa.Array, columns: list[str]) -> pa.Table:
    """`columns` of these items, in the order of `ids`; nulls for what the table does not hold."""
    rows = snapshot.finder(table, key).rows(ids.to_pylist(), columns)
    places = pc.index_in(ids, value_set=rows[key].combine_chunks())
    return rows.take(places)
