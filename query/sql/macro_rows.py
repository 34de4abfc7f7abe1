"""The rows that the table macros return, column by column, for items that share their options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.errors import InvalidInputError, NotFoundError
from ..attribution.attribute import answer_all
from ..attribution.query_vectors import read_query_vectors
from ..attribution.request import OWNER_FIELDS, Request
from ..attribution.retrieval import measure_coverage
from ..session import Snapshot
from ..text_search import search_texts

if TYPE_CHECKING:
    from ..search import SearchSpace

Options: TypeAlias = tuple[Any, ...]
Columns: TypeAlias = tuple[list[int], dict[str, list[Any]]]
"""How many rows each item has, and the rows of all items one after the other, column by column."""

ROWS_AT_ONCE = 500_000
"""Rows of answers held as Python objects at once."""

POOL_COUNTS = {"pool_size": pa.int64(), "embedded": pa.int64(), "searched": pa.int64()}
"""How many images are in the pool, have a vector, and were compared; the same on each row of an item."""

ABSTENTION = {"p_none": pa.float64(), "attributed": pa.bool_(), "set_size": pa.int64()}
"""Whether the item owes anything to the pool; the same on each row of an item."""

ATTRIBUTE_FIELDS = pa.struct(
    {
        "rank": pa.int64(),
        "image_id": pa.string(),
        "similarity": pa.float32(),
        "influence": pa.float64(),
        "exact": pa.bool_(),
        "complete": pa.bool_(),
        "remaining": pa.float64(),
        "null_share": pa.float64(),
        **POOL_COUNTS,
        **ABSTENTION,
        "in_set": pa.bool_(),
        "evidence": pa.string(),
        "state": pa.string(),
    }
)
SIMILAR_FIELDS = pa.struct(
    {
        "rank": pa.int64(),
        "image_id": pa.string(),
        "similarity": pa.float32(),
        "exact": pa.bool_(),
        **POOL_COUNTS,
    }
)
INFLUENCE_FIELDS = pa.struct(
    {
        "name": pa.string(),
        "influence": pa.float64(),
        "images": pa.int64(),
        "owned": pa.float64(),
        "similarity": pa.float32(),
        "image_id": pa.string(),
        "state": pa.string(),
        "exact": pa.bool_(),
        "complete": pa.bool_(),
        "null_share": pa.float64(),
        **POOL_COUNTS,
    }
)


def attribute_rows(snapshot: Snapshot, items: list[str], options: Options) -> Columns:
    """The rows of ATTRIBUTE_FIELDS; options are (k, encoder, mapper, alpha). Errors as for `attribute`."""
    k, encoder, mapper, alpha = options
    request = Request(encoder=encoder, mapper=mapper, k=_positive(k), files=False, details=False, alpha=alpha)
    lengths, columns = _no_rows(ATTRIBUTE_FIELDS)
    step = max(1, ROWS_AT_ONCE // request.k)
    for start in range(0, len(items), step):
        for answer in answer_all(snapshot, items[start : start + step], request):
            results = answer.results
            lengths.append(len(results))
            for name in ("rank", "image_id", "similarity", "influence", "in_set"):
                columns[name].extend(getattr(result, name) for result in results)
            for name in ("exact", "complete", "remaining", "null_share", "state", *POOL_COUNTS, *ABSTENTION):
                columns[name].extend([getattr(answer, name)] * len(results))
            columns["evidence"].extend([answer.evidence.line if answer.evidence else None] * len(results))
    return lengths, columns


def influence_rows(snapshot: Snapshot, items: list[str], options: Options) -> Columns:
    """The rows of INFLUENCE_FIELDS; options are (field, encoder, mapper).

    Raises InvalidInputError without a field, else as `attribute`.
    """
    field, encoder, mapper = options
    if field is None:
        raise InvalidInputError(
            "influence_by needs a field", hint=f"use {', '.join(OWNER_FIELDS)} or metadata.NAME"
        )
    request = Request(encoder=encoder, mapper=mapper, k=1, by=str(field), files=False, details=False)
    lengths, columns = _no_rows(INFLUENCE_FIELDS)
    for answer in answer_all(snapshot, items, request):
        lengths.append(len(answer.shares))
        for name in ("name", "influence", "images", "owned", "similarity", "image_id"):
            columns[name].extend(getattr(share, name) for share in answer.shares)
        for name in ("state", "exact", "complete", "null_share", *POOL_COUNTS):
            columns[name].extend([getattr(answer, name)] * len(answer.shares))
    return lengths, columns


def similar_rows(snapshot: Snapshot, items: list[str], options: Options) -> Columns:
    """The rows of SIMILAR_FIELDS; options are (k, encoder, mapper). NotFoundError for an unknown item."""
    k, encoder, mapper = options
    count = _positive(k)
    space = snapshot.space(encoder, mapper)
    own_rows = np.asarray(pc.fill_null(pc.index_in(pa.array(items, pa.string()), value_set=space.ids), -1))
    vectors = _item_vectors(snapshot, space, items, own_rows)
    pool = space.pool("all")
    lengths, columns = _no_rows(SIMILAR_FIELDS)
    step = max(1, ROWS_AT_ONCE // (min(count, pool.size) + 1))
    for start in range(0, len(items), step):
        # One more than `count`, because an image is the most similar to itself.
        nearest = space.search(vectors[start : start + step], count + 1, pool)
        for own_row, rows, similarities, searched in zip(
            own_rows[start:], nearest.rows, nearest.similarities, nearest.searched.tolist(), strict=False
        ):
            others = np.flatnonzero((rows >= 0) & (rows != own_row))[:count]
            lengths.append(len(others))
            columns["rank"].extend(range(1, len(others) + 1))
            columns["image_id"].extend(space.rows.ids_of(rows[others]))
            columns["similarity"].extend(similarities[others].tolist())
            coverage = measure_coverage(pool, nearest.method, searched, True, None)
            for name in ("exact", *POOL_COUNTS):
                columns[name].extend([getattr(coverage, name)] * len(others))
    return lengths, columns


def similar_text_rows(snapshot: Snapshot, texts: list[str], options: Options) -> Columns:
    """The rows of SIMILAR_FIELDS; options are (k, encoder). Errors as for `similar_text`."""
    k, encoder = options
    count = _positive(k)
    lengths, columns = _no_rows(SIMILAR_FIELDS)
    step = max(1, ROWS_AT_ONCE // count)
    for start in range(0, len(texts), step):
        some = texts[start : start + step]
        for answer in search_texts(snapshot, some, k=count, encoder=encoder, details=False):
            lengths.append(len(answer.results))
            for name in ("rank", "image_id", "similarity"):
                columns[name].extend(getattr(result, name) for result in answer.results)
            for name in ("exact", *POOL_COUNTS):
                columns[name].extend([getattr(answer, name)] * len(answer.results))
    return lengths, columns


def _item_vectors(
    snapshot: Snapshot, space: SearchSpace, items: list[str], own_rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Unit rows (items, dim): h of images (`own_rows` >= 0: their rows of the space), h~ of samples."""
    vectors = np.empty((len(items), space.dim), np.float32)
    images = own_rows >= 0
    vectors[images] = space.unit_rows(own_rows[images].astype(np.int64))
    samples = [item for item, is_image in zip(items, images, strict=True) if not is_image]
    if samples:
        asked = read_query_vectors(snapshot, samples, space, files=False)
        vectors[~images] = asked.vectors
        try:
            asked.raise_first()
        except NotFoundError as error:
            raise NotFoundError(
                f"{error}, nor an image_id with a vector of {space.encoder}", hint=error.hint
            ) from error
    return vectors


def _no_rows(fields: pa.StructType) -> Columns:
    return [], {field.name: [] for field in fields}


def _positive(k: object) -> int:
    if not isinstance(k, int) or k < 1:
        raise InvalidInputError(f"k is {'null' if k is None else k}", hint="ask for 1 image or more")
    return k
