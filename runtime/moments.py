"""Moments of a gallery: mean m and covariance C of its unit vectors h(f), for one encoder and mapper.

The similarities of a query q (a unit row) to all images of the gallery have mean m.q and variance q'Cq. So a
similarity can be compared with the gallery's, in standard deviations, without a scan of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import safetensors.numpy
from numpy.typing import NDArray

from ..store.columns import utc_now
from ..store.errors import DataError, InvalidInputError
from ..store.ids import content_id, key_id, mapped_column, vectors_table
from ..store.lookup import locate, quote
from .mapper import RAW, DatasetSource, normalise, read_weights, to_rows

if TYPE_CHECKING:
    from ..store import Store

Floats = NDArray[np.float64]

TABLE = "gallery_moments"
BLOCK = 8192
"""Rows of the vector table read at once."""

LEAST_SPREAD = 1e-6
"""The least standard deviation that `spread` returns: a gallery of equal vectors has none, and z = (s - mean)
/ spread must stay finite."""


@dataclass(frozen=True)
class GalleryMoments:
    """Mean and covariance of the unit vectors of one collection.

    Attributes:
        mean: (dim,) float64.
        covariance: (dim, dim) float64, symmetric; divided by `count`.
        count: images with a vector.
        digest: of their ids, `ids_digest`.
        mapper_digest: of the mapper that made the vectors, `mapper_digest`.
        gallery: the collection.
    """

    mean: Floats
    covariance: Floats
    count: int
    digest: str
    mapper_digest: str
    gallery: str

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return len(self.mean)

    def spread(self, queries: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the similarities of each query to the gallery.

        Args:
            queries: (queries, dim) unit rows.

        Returns:
            (queries,) m.q and (queries,) sqrt(q'Cq), at least LEAST_SPREAD.

        Raises:
            InvalidInputError: vectors of another length.
        """
        rows = np.asarray(queries, np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.dim:
            raise InvalidInputError(
                f"the gallery's moments are of {self.dim} dimensions, the vectors are {rows.shape}",
                hint="train the calibration again",
            )
        variance = np.einsum("ij,ij->i", rows @ self.covariance, rows)
        return rows @ self.mean, np.sqrt(np.maximum(variance, LEAST_SPREAD**2))


def compute_moments(blocks: Iterable[NDArray[np.float32]]) -> tuple[Floats, Floats, int]:
    """Mean (dim,), covariance (dim, dim) and number of the rows of `blocks`, in one pass.

    Sums are of differences to the first block's mean: sums of the rows themselves would cancel where all
    vectors point into about one direction.

    Raises:
        InvalidInputError: no rows.
    """
    count, origin, first, second = 0, np.zeros(0), np.zeros(0), np.zeros((0, 0))
    for block in blocks:
        if not len(block):
            continue
        rows = block.astype(np.float64)
        if not count:
            origin = rows.mean(axis=0)
            first, second = np.zeros_like(origin), np.zeros((len(origin), len(origin)))
        rows -= origin
        first += rows.sum(axis=0)
        second += rows.T @ rows
        count += len(rows)
    if not count:
        raise InvalidInputError("the gallery has no vectors", hint="ingest and embed the gallery")
    shift = first / count
    return origin + shift, second / count - np.outer(shift, shift), count


def ensure_moments(store: Store, encoder: str, mapper: str, gallery: str = "gallery") -> GalleryMoments:
    """The moments of the gallery as it is now: the stored ones, or computed in one pass and stored.

    Raises:
        NotFoundError: nothing is embedded.
        InvalidInputError: no image of the gallery is embedded, or the mapper was not applied.
    """
    column = "base" if mapper == RAW else mapped_column(mapper)
    if column not in store.schema(vectors_table(encoder)).names:
        raise InvalidInputError(f"{encoder} has no mapper {mapper!r}", hint="train the mapper first")
    ids = embedded_gallery(store, encoder, gallery)
    digest, of_mapper = ids_digest(ids), mapper_digest(store, encoder, mapper)
    stored = load_moments(store, encoder, mapper)
    if stored and (stored.digest, stored.mapper_digest, stored.gallery) == (digest, of_mapper, gallery):
        return stored
    mean, covariance, count = compute_moments(_unit_rows(store, encoder, column, ids))
    moments = GalleryMoments(mean, covariance, count, digest, of_mapper, gallery)
    _write(store, encoder, mapper, moments)
    return moments


def load_moments(tables: DatasetSource, encoder: str, mapper: str) -> GalleryMoments | None:
    """The stored moments, from a store or from one pinned at a version; None where there are none.

    They are of the gallery and mapper that their digests name, which may have changed since.

    Raises:
        DataError: they are broken.
    """
    key, columns = key_id(encoder, mapper), ["gallery", "count", "digest", "mapper_digest"]
    dataset = tables.dataset(TABLE)
    rows = dataset.to_table(columns=columns, filter=f"moments_id = {quote(key)}").to_pylist()
    if not rows:
        return None
    ((_, data),) = locate(TABLE, dataset, "moments", [key]).read([key])
    try:
        mean, covariance = _views(data or b"", ("mean", "covariance"))
        return GalleryMoments(mean, covariance, **rows[0])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the gallery's moments are broken: {error}", hint="train the calibration again"
        ) from error


def _views(data: bytes, names: Sequence[str]) -> list[Floats]:
    """Float64 tensors of safetensors, which are views of `data`: a covariance can have hundreds of megabytes.

    Raises ValueError, KeyError or TypeError for what is no such file, or lacks one of `names`.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    header, found = json.loads(data[8:start]), []
    for name in names:
        tensor = header[name]
        begin, end = tensor["data_offsets"]
        if tensor["dtype"] != "F64":
            raise ValueError(f"{name} has the type {tensor['dtype']}")
        values = np.frombuffer(data, np.float64, (end - begin) // 8, start + begin)
        found.append(values.reshape(tensor["shape"]))
    return found


def embedded_gallery(store: Store, encoder: str, gallery: str = "gallery") -> pa.Array:
    """Image ids of the collection that have a vector of `encoder`, in the order of the vector table."""
    members = store.read("members", ["image_id"], f"collection = {quote(gallery)}")["image_id"]
    items = store.read(vectors_table(encoder), ["item_id"])["item_id"].combine_chunks()
    return items.filter(pc.is_in(items, value_set=members.combine_chunks()))


def ids_digest(ids: pa.Array) -> str:
    """sha256 of image ids in any order: sorted, each with a line end."""
    digest = sha256()
    ordered = ids.take(pc.array_sort_indices(ids))
    for start in range(0, len(ordered), BLOCK):
        part = ordered[start : start + BLOCK].to_pylist()
        digest.update("".join(f"{item}\n" for item in part).encode())
    return digest.hexdigest()


def mapper_digest(tables: DatasetSource, encoder: str, mapper: str) -> str:
    """sha256 of the mapper's stored weights; 'none' for raw features. NotFoundError for no such mapper."""
    return weights_digest(read_weights(tables, encoder, mapper))


def weights_digest(weights: bytes | None) -> str:
    """sha256 of a mapper's stored weights; 'none' for raw features, which have none."""
    return RAW if weights is None else content_id(weights)


def _unit_rows(store: Store, encoder: str, column: str, ids: pa.Array) -> Iterator[NDArray[np.float32]]:
    for batch in store.scan(vectors_table(encoder), ["item_id", column], batch_rows=BLOCK):
        vectors = batch[column].filter(pc.is_in(batch["item_id"], value_set=ids))
        if vectors.null_count:
            raise InvalidInputError(
                f"{vectors.null_count} images of {encoder} have no {column}", hint="embed again to fill it"
            )
        yield normalise(to_rows(vectors))


def _write(store: Store, encoder: str, mapper: str, moments: GalleryMoments) -> None:
    parts = {"mean": moments.mean, "covariance": np.ascontiguousarray(moments.covariance)}
    row: dict[str, Any] = {
        "moments_id": key_id(encoder, mapper),
        "encoder": encoder,
        "mapper": mapper,
        "gallery": moments.gallery,
        "count": moments.count,
        "digest": moments.digest,
        "mapper_digest": moments.mapper_digest,
        "moments": safetensors.numpy.save(parts),
        "created": utc_now(),
    }
    store.upsert(TABLE, [row], update=True)
