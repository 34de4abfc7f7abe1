"""Vector search for LanceDB's client: nearest rows by cosine distance, with the influence of each image."""

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
from ...attribution.calibration import question_laws
from ...attribution.request import Request
from ...attribution.retrieval import (
    RankedImages,
    RetrievalTask,
    SearchCoverage,
    measure_coverage,
    retrieve_exactly,
    uses_index,
)
from ...attribution.retrieval_index import retrieve_through_index
from ...features import is_among
from ...search import Pool
from ..options import ServiceOptions
from ..service import open_dataset
from .bounded import DistanceBounds, nearest_images, nearest_items
from .filter import filter_rows, parse_filter
from .rows import check_answer_bytes, select_columns
from .schemas import QueryBody, readable_schema

if TYPE_CHECKING:
    from ...search import SearchSpace
    from ...search.topk import Positions
    from ...session import Snapshot

ITEM_COLUMNS = {"item_id", "item_kind"}
"""A filter that names one of these is over the vector table; any other is over `images` and `members`."""

IMAGE_COLUMNS = ("uri", "caption", "category", "creator", "license", "width", "height")
"""Columns of `images` that may be selected beside those of the vector table."""


@dataclass(frozen=True)
class Hits:
    """The rows found for one query, nearest first.

    Attributes:
        ids: item ids (n,).
        distances: 1 - cosine (n,).
        influence: (n,), or None where it is not known: not calibrated, or rows of any kind.
        coverage: how far the search went; None where influence has no meaning.
    """

    ids: pa.Array
    distances: NDArray[np.float32]
    influence: NDArray[np.float64] | None
    coverage: SearchCoverage | None = None


def search(snapshot: Snapshot, table: str, body: QueryBody, limits: ServiceOptions) -> pa.Table:
    """The nearest rows of a vector table, with `_distance` (1 - cosine) and `influence`.

    Without a filter on `item_id` or `item_kind` these are images. Influence is shared among all images that
    the filter holds for, as in `attribute`; it is null where nothing is calibrated and for samples. The
    schema's metadata `attribase` says for each query how complete that is.

    Raises:
        InvalidInputError: vectors, columns, a metric or a filter that do not fit the table.
        TooLargeError: more rows or bytes than one answer may hold.
    """
    encoder = _encoder_of(snapshot, table)
    column = body.vector_column or "base"
    mapper = _mapper_of(snapshot, encoder, column)
    if body.distance_type is not None and body.distance_type.lower() != "cosine":
        raise InvalidInputError(  # no ConflictError: the client would ask again and again
            f"{table}.{column} is compared by cosine, not by {body.distance_type[:20]}",
            hint='leave the metric out, or say "cosine"',
        )
    _check_counts(body, limits)
    space = snapshot.space(encoder, mapper)
    vectors = _unit_queries(body, space.dim)
    places = _filtered_places(open_dataset(snapshot, table), body.filter)
    if places is not None and not space.are_images(places):
        found = _search_items(space, vectors, body, places)
    else:
        # A filter that names no column of the vector table is a condition over images and collections.
        pool = space.pool("all", body.filter if places is None and body.filter else None)
        if places is not None:
            pool = _narrow(space, pool, places, body.filter)
        found = _search_images(snapshot, space, vectors, body, pool)
    start = body.offset or 0
    page = [_slice(hits, start, body.k) for hits in found]
    return _to_table(snapshot, table, page, body, limits)


def _check_counts(body: QueryBody, limits: ServiceOptions) -> None:
    count = body.k + (body.offset or 0)
    if count * len(body.vectors()) > limits.images:
        raise TooLargeError(f"{count:,} rows of one search", hint=f"set a limit of at most {limits.images:,}")
    if body.with_row_id:
        raise InvalidInputError("a search gives no row ids", hint="rows are known by their item_id")
    if body.k < 1:
        raise InvalidInputError("a search for no rows", hint="set a limit of 1 or more")


def _encoder_of(snapshot: Snapshot, table: str) -> str:
    def read() -> dict[str, str]:
        names = snapshot.pinned.read("encoders", ["encoder"])["encoder"].to_pylist()
        return {vectors_table(name): name for name in names}

    known: dict[str, str] = snapshot.cached(("encoder of table",), read, "encoders")
    if table in known:
        return known[table]
    raise InvalidInputError(
        f"{table} has no vectors to search", hint="search a table whose name begins with vectors_"
    )


def _mapper_of(snapshot: Snapshot, encoder: str, column: str) -> str:
    def read() -> dict[str, str]:
        rows = snapshot.pinned.read("mappers", ["encoder", "mapper"]).to_pylist()
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


def _filtered_places(dataset: Any, text: str | None) -> Positions | None:
    """(n,) the rows of the vector table that a filter over its columns holds for; None for another filter."""
    condition = parse_filter(text)
    if condition is None or not ITEM_COLUMNS & condition.columns:
        return None
    return filter_rows(dataset, condition).places


def _narrow(space: SearchSpace, pool: Pool, places: Positions, text: str | None) -> Pool:
    """Those images of the pool that are at some places of the vector table; `text` is the filter."""
    mask = pool.mask & is_among(space.ids, space.item_ids.take(pa.array(places)))
    # The filter cannot be asked of images without a row, so all of these count as missing.
    return Pool(mask, int(np.count_nonzero(mask)), pool.missing, pool.name, text)


def _search_images(
    snapshot: Snapshot, space: SearchSpace, vectors: NDArray[np.float32], body: QueryBody, filtered: Pool
) -> list[Hits]:
    """Images nearest to each query, with their influence among all of the pool.

    With `prefilter` the pool is `filtered`; else it is everything, and hits outside `filtered` are dropped.
    """
    pool = filtered if body.prefilter is not False else space.pool("all")
    if not pool.size:
        coverage = measure_coverage(pool, "exact", 0, True, 0.0)
        return [Hits(pa.array([], pa.string()), np.zeros(0, np.float32), None, coverage) for _ in vectors]
    bounds = DistanceBounds(body.lower_bound, body.upper_bound)
    count = body.k + (body.offset or 0)
    method = "exact" if body.bypass_vector_index or bounds.exist else "auto"
    request = Request(encoder=space.encoder, mapper=space.mapper, k=count, method=method)
    task = RetrievalTask(space, pool, request, question_laws(snapshot, space, vectors)[0])
    if bounds.exist:
        ranked = nearest_images(task, vectors, bounds, filtered.mask, count)
    else:
        ranked = (retrieve_through_index if uses_index(task) else retrieve_exactly)(task, vectors)
    return [_hits(space, ranking, filtered) for ranking in ranked]


def _hits(space: SearchSpace, ranking: RankedImages, filtered: Pool) -> Hits:
    """The images of a ranking that are in `filtered`."""
    keep = filtered.mask[ranking.rows]
    influence = None if ranking.influence is None else ranking.influence[keep]
    ids = space.ids.take(pa.array(ranking.rows[keep]))
    return Hits(ids, _distances(ranking.similarities[keep]), influence, ranking.coverage)


def _search_items(
    space: SearchSpace, vectors: NDArray[np.float32], body: QueryBody, places: Positions
) -> list[Hits]:
    """Images and samples nearest to each query, found by comparing all rows; they have no influence."""
    bounds = DistanceBounds(body.lower_bound, body.upper_bound)
    among = places if body.prefilter is not False else np.arange(len(space.item_ids))
    hits = []
    for rows, similarities in nearest_items(space, among, vectors, bounds, body.k + (body.offset or 0)):
        keep = np.isin(rows, places)
        ids = space.item_ids.take(pa.array(rows[keep]))
        hits.append(Hits(ids, _distances(similarities[keep]), None))
    return hits


def _distances(similarities: NDArray[np.float32]) -> NDArray[np.float32]:
    return (1 - similarities).astype(np.float32)


def _slice(hits: Hits, start: int, count: int) -> Hits:
    rows = slice(start, start + count)
    influence = None if hits.influence is None else hits.influence[rows]
    return Hits(hits.ids[rows], hits.distances[rows], influence, hits.coverage)


def _to_table(
    snapshot: Snapshot, table: str, found: list[Hits], body: QueryBody, limits: ServiceOptions
) -> pa.Table:
    """The selected columns, `_distance`, `influence`, and `query_index` where there is a batch of queries."""
    dataset = open_dataset(snapshot, table)
    stored = readable_schema(dataset).names
    columns = select_columns(body.columns, [*stored, *(IMAGE_COLUMNS if body.columns is not None else ())])
    ids = pa.concat_arrays([hits.ids for hits in found])
    row_bytes = sum(
        _value_bytes(dataset.schema.field(name).type) for name in columns.values() if name in stored
    )
    check_answer_bytes(len(ids) * row_bytes, limits)
    result: dict[str, Any] = {}
    if body.is_batch:
        counts = [len(hits.ids) for hits in found]
        result["query_index"] = pa.array(np.repeat(np.arange(len(found)), counts), pa.int32())
    items = _read_items(snapshot, table, "item_id", ids, [one for one in columns.values() if one in stored])
    of_images = [one for one in columns.values() if one not in stored]
    images = _read_items(snapshot, "images", "image_id", ids, of_images) if of_images else None
    for new, old in columns.items():
        result[new] = items[old] if old in stored or images is None else images[old]
    check_answer_bytes(sum(result[new].nbytes for new in columns), limits)
    result["_distance"] = pa.array(np.concatenate([hits.distances for hits in found]), pa.float32())
    result["influence"] = _influence_column(found)
    coverage = json.dumps([_coverage_json(hits.coverage) for hits in found])
    return pa.table(result).replace_schema_metadata({"attribase": coverage})


def _value_bytes(kind: pa.DataType) -> int:
    """About how many bytes a value takes."""
    return kind.list_size * 4 if pa.types.is_fixed_size_list(kind) else 64


def _influence_column(found: list[Hits]) -> pa.Array:
    """The influence of all hits (n,) float64, null where it is not known."""
    values = [np.full(len(hits.ids), np.nan) if hits.influence is None else hits.influence for hits in found]
    return pa.array(np.concatenate(values), from_pandas=True, type=pa.float64())


def _coverage_json(coverage: SearchCoverage | None) -> dict[str, Any] | None:
    """How complete an answer is, as `attribute` says it."""
    return None if coverage is None else coverage.to_dict()


def _read_items(snapshot: Snapshot, table: str, key: str, ids: pa.Array, columns: list[str]) -> pa.Table:
    """`columns` of these items, in the order of `ids`; nulls for what the table does not hold."""
    rows = snapshot.finder(table, key).rows(ids.to_pylist(), columns)
    places = pc.index_in(ids, value_set=rows[key].combine_chunks())
    return rows.take(places)
