"""`attribase query map`: images and samples laid out by UMAP, and the points written to `map_points`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...runtime.mapper import normalise
from ...store import Step, Store, key_id
from ...store.check_items import pool_exemplars
from ...store.columns import utc_now
from ...store.errors import ConflictError, InvalidInputError
from ...store.ids import vectors_table
from ...store.lookup import quote
from ...store.retries import with_retries
from ...version import __version__
from ..catalog import GALLERY
from ..default_features import choose_features
from ..features import FeatureReader, Pinned, is_among

KINDS = ("exemplar", "gallery", "image", "sample")
"""What a point is: an exemplar of a model, else in the gallery, else another image; or a sample."""

COMPONENTS = 64
"""Vectors of more than twice as many numbers are reduced to so many principal components first, as UMAP's own
guide advises for long vectors."""

FEWEST = 4
"""Points that UMAP lays out at least."""


@dataclass(frozen=True)
class MapSettings:
    """How a map is made. Raises InvalidInputError for a value out of range.

    Attributes:
        encoder: whose vectors; left out, as for answers.
        mapper: what maps them, or 'none'; left out likewise.
        limit: points at most. Exemplars come first; what is left is shared by the other kinds, by their
            numbers, and drawn at random.
        neighbours: how many near points decide the place of one: few show small groups, many the whole.
        spread: the least distance of points that are alike (`min_dist` of UMAP), 0 to 1.
        seed: of the draw and of UMAP.

    Source: arXiv:1802.03426.
    """

    encoder: str | None = None
    mapper: str | None = None
    limit: int = 20_000
    neighbours: int = 15
    spread: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.limit < FEWEST:
            raise InvalidInputError(f"{self.limit} points", hint=f"draw {FEWEST} or more")
        if self.neighbours < 2:
            raise InvalidInputError(f"{self.neighbours} neighbours", hint="use 2 or more: 15")
        if not 0 <= self.spread <= 1:
            raise InvalidInputError(f"a spread of {self.spread}", hint="use 0 to 1: 0.1")


@dataclass(frozen=True)
class _Drawn:
    """The items of a map: positions in the vector table, ids and kinds (n,) each, and how many there are."""

    positions: NDArray[np.int64]
    ids: pa.Array
    kinds: list[str]
    images: int
    samples: int


def make_map(store: Store, settings: MapSettings | None = None) -> Iterator[Step]:
    """Lay out the items of a store and write the map; yields nothing where it is there and the newest.

    The same vectors and settings give the same coordinates, on one kind of machine and version of UMAP.
    An earlier map of the encoder and mapper is replaced.

    Raises:
        NotFoundError: no such encoder or mapper, or no vectors.
        ConflictError: fewer than FEWEST items, or items that the mapper has not mapped.
    """
    pinned, settings = Pinned.now(store), settings or MapSettings()
    chosen = choose_features(pinned, settings.encoder, settings.mapper)
    features = FeatureReader(pinned, chosen.encoder, chosen.mapper)
    drawn = _draw(pinned, features, settings)
    if len(drawn.ids) < FEWEST:
        raise ConflictError(
            f"a map needs {FEWEST} items with a vector, {chosen.encoder} has {len(drawn.ids)}",
            hint="embed more: attribase -s STORE ingest embed",
        )
    vectors = normalise(features.raw_at(drawn.positions))
    about = {"limit": settings.limit, "n_neighbors": settings.neighbours, "min_dist": settings.spread}
    about["seed"] = settings.seed
    digest = sha256(vectors.tobytes() + "".join([*drawn.ids.to_pylist(), *drawn.kinds]).encode()).hexdigest()
    map_id = key_id("map", chosen.encoder, chosen.mapper, about, digest)
    if _is_newest(store, map_id, chosen.encoder, chosen.mapper, len(drawn.ids)):
        return
    started, clock = utc_now(), time.perf_counter()
    yield Step("map", 0, len(drawn.ids), f"{chosen.encoder} with {chosen.mapper}")
    places = lay_out(vectors, settings)
    rows = pa.table(
        {
            "map_id": pa.repeat(map_id, len(places)),
            "item_id": drawn.ids,
            "kind": pa.array(drawn.kinds),
            "x": pa.array(places[:, 0]),
            "y": pa.array(places[:, 1]),
        }
    )
    store.upsert("map_points", rows, update=True)
    versions = {name: pinned.versions[name] for name in (vectors_table(chosen.encoder), "members", "models")}
    row = {
        "map_id": map_id,
        "encoder": chosen.encoder,
        "mapper": chosen.mapper,
        "method": "umap",
        "settings": json.dumps(about, sort_keys=True),
        "points": len(drawn.ids),
        "images": drawn.images,
        "samples": drawn.samples,
        "table_versions": json.dumps(versions, sort_keys=True),
        "code_version": __version__,
        "created": started,
        "seconds": time.perf_counter() - clock,
    }
    store.upsert("maps", [row], update=True)
    _drop_earlier(store, row)
    yield Step("map", len(drawn.ids), len(drawn.ids), f"{chosen.encoder} with {chosen.mapper}")


def lay_out(vectors: NDArray[np.float32], settings: MapSettings) -> NDArray[np.float32]:
    """(n, 2) places of unit rows (n, dim)."""
    import warnings

    import umap  # imported late, with numba: 10 seconds

    if vectors.shape[1] > 2 * COMPONENTS and len(vectors) > COMPONENTS:
        from sklearn.decomposition import PCA

        vectors = PCA(COMPONENTS, random_state=settings.seed).fit_transform(vectors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a seed means one thread, and few points
        reducer = umap.UMAP(
            n_neighbors=min(settings.neighbours, len(vectors) - 1),
            min_dist=settings.spread,
            metric="euclidean",  # of unit vectors, which orders as their cosine does
            random_state=settings.seed,
            init="spectral" if len(vectors) > 3 * FEWEST else "random",
        )
        places = reducer.fit_transform(vectors)
    return np.asarray(np.nan_to_num(places), np.float32)


def _draw(pinned: Pinned, features: FeatureReader, settings: MapSettings) -> _Drawn:
    """The items of the map."""
    table = features.dataset.scanner(columns=["item_id", "item_kind"]).to_table()
    ids, sample = table["item_id"].combine_chunks(), np.asarray(pc.equal(table["item_kind"], "sample"))
    members = pinned.read("members", ["collection", "image_id"])
    gallery = members.filter(pc.equal(members["collection"], GALLERY))["image_id"].combine_chunks()
    exemplars = pool_exemplars(pinned.read("models", ["exemplar_ids", "split"]))
    kind = np.where(is_among(ids, gallery), KINDS.index("gallery"), KINDS.index("image"))
    kind[is_among(ids, exemplars.cast(ids.type))] = KINDS.index("exemplar")
    kind[sample] = KINDS.index("sample")
    counts = np.bincount(kind, minlength=len(KINDS))
    rng = np.random.default_rng(settings.seed)
    chosen = [
        np.sort(rng.permutation(np.flatnonzero(kind == number))[:count])
        for number, count in enumerate(_shares(counts, settings.limit))
    ]
    positions = np.sort(np.concatenate(chosen))
    return _Drawn(
        positions,
        ids.take(pa.array(positions)),
        [KINDS[number] for number in kind[positions]],
        int(np.count_nonzero(~sample)),
        int(np.count_nonzero(sample)),
    )


def _shares(counts: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """How many of each kind are drawn: all exemplars if they fit, the others by their numbers."""
    first = min(int(counts[0]), limit)
    others = int(counts[1:].sum())
    part = min(1.0, (limit - first) / max(1, others))
    return np.append(first, np.floor(counts[1:] * part).astype(np.int64))


def _is_newest(store: Store, map_id: str, encoder: str, mapper: str, points: int) -> bool:
    """Whether the map is written, all of it, and no later one of its encoder and mapper."""
    rows = [
        one for one in store.read("maps").to_pylist() if (one["encoder"], one["mapper"]) == (encoder, mapper)
    ]
    newest = min(rows, key=lambda row: (-row["created"].timestamp(), row["map_id"]), default=None)
    if newest is None or newest["map_id"] != map_id:
        return False
    return store.count("map_points", f"map_id = {quote(map_id)}") == points


def _drop_earlier(store: Store, row: dict[str, Any]) -> None:
    """Delete earlier maps of the same encoder and mapper."""
    for one in store.read("maps", ["map_id", "encoder", "mapper", "created"]).to_pylist():
        same = (one["encoder"], one["mapper"]) == (row["encoder"], row["mapper"])
        if same and one["map_id"] != row["map_id"] and one["created"] < row["created"]:
            for table in ("map_points", "maps"):
                where = f"map_id = {quote(one['map_id'])}"
                with_retries(
                    f"deleting from {table}",
                    lambda table=table, where=where: store.dataset(table).delete(where),  # type: ignore[misc]
                )
