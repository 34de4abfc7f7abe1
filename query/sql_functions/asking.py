"""What the functions ask of a snapshot, for many items at once. Text is never a path here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.errors import ConflictError, InvalidInputError, NotFoundError
from ..request import Request
from .vectors import Columns, Options

if TYPE_CHECKING:
    from ..search import SearchSpace
    from ..session import Snapshot

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
    """The rows of ATTRIBUTED; options are k, encoder, mapper. Errors as for `Snapshot.attribute`."""
    k, encoder, mapper = options
    request = Request(encoder=encoder, mapper=mapper, k=_count(k), files=False, details=False)
    columns: dict[str, list[Any]] = {field.name: [] for field in ATTRIBUTED}
    lengths: list[int] = []
    at_once = max(1, ROWS_AT_ONCE // request.k)
    for start in range(0, len(items), at_once):
        for answer in snapshot.attribute(items[start : start + at_once], request):
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
    for answer in snapshot.attribute(items, request):
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
            _, vectors[~images] = snapshot.vectors(samples, space, files=False)
        except NotFoundError as error:
            raise NotFoundError(
                f"{error}, nor an image_id with a vector of {space.encoder}", hint=error.hint
            ) from error
    return vectors


def _count(k: object) -> int:
    if not isinstance(k, int) or k < 1:
        raise InvalidInputError(f"k is {'null' if k is None else k}", hint="ask for 1 image or more")
    return k
