"""A listing into the store: exemplars, models and samples, whether an index or features name them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...runtime import MapperPair
from ...runtime.mapper import mapper_names, vector_array
from ...store import Store, mapped_column, vectors_table
from ...store.lookup import quote
from ..images.source import Unreadable
from .images import Sink, add_images, known_images, picture_columns
from .listing import Listing, sample_id
from .stored import SOURCE, model_config
from .tensors import BLOCK_ROWS, Rows

METHOD = "custom-diffusion"
SPLIT = "test"
MODEL_COLUMNS = ("model_id", "concept_kind", "concept", "category", "exemplar_ids")


def stored_exemplars(store: Store, listing: Listing) -> dict[str, list[str]]:
    """Model id -> the image ids of its exemplars, of the models of `listing` that the store has."""
    rows = store.read(
        "models", ["model_id", "exemplar_ids"], f"case_name = {quote(listing.case)}"
    ).to_pylist()
    wanted = set(listing.model_ids)
    return {row["model_id"]: row["exemplar_ids"] for row in rows if row["model_id"] in wanted}


def add_models(sink: Sink, listing: Listing) -> None:
    """Write the exemplars' images and the models; what two parts know of a model is put together."""
    exemplars = _exemplar_ids(sink, listing)
    where = f"case_name = {quote(listing.case)}"
    rows = sink.store.read("models", MODEL_COLUMNS, where).to_pylist()
    before = {row["model_id"]: row for row in rows}
    changed = []
    for place, name in enumerate(listing.model_ids):
        row = _row(listing, place, exemplars[place])
        known = before.get(name)
        if known:
            row |= {key: known[key] for key in ("concept", "category") if known[key] is not None}
            row["exemplar_ids"] = known["exemplar_ids"]
            if "style" in (row["concept_kind"], known["concept_kind"]):
                row["concept_kind"] = "style"
        if known != {key: row[key] for key in MODEL_COLUMNS}:
            changed.append(row)
    if changed:
        sink.store.upsert("models", changed, update=True)


def _exemplar_ids(sink: Sink, listing: Listing) -> list[list[str]]:
    """The image ids of each model's exemplars; images that are not there yet are added."""
    known: dict[str, str] = {}
    stored = stored_exemplars(sink.store, listing)
    for name, model in zip(listing.model_ids, listing.models, strict=True):
        known |= dict(zip(model.exemplars, stored.get(name, ()), strict=False))
    paths = list(dict.fromkeys(path for model in listing.models for path in model.exemplars))
    found = known_images(sink.store, pa.array(paths, pa.string())).to_pylist()
    given = [known.get(path) or name for path, name in zip(paths, found, strict=True)]
    ids = dict(zip(paths, add_images(sink, listing.case, paths, given), strict=True))
    return [[ids[path] for path in model.exemplars] for model in listing.models]


def _row(listing: Listing, place: int, exemplars: Sequence[str]) -> dict[str, Any]:
    model = listing.models[place]
    return {
        "model_id": listing.model_ids[place],
        "method": METHOD,
        "concept_kind": model.concept_kind,
        "concept": model.class_id,
        "category": model.category,
        "exemplar_ids": list(exemplars),
        "case_name": listing.case,
        "split": SPLIT,
        "config": model_config(place, model.exemplars),
    }


def add_samples(sink: Sink, samples: Sequence[tuple[str, str, str]]) -> None:
    """Write the samples (model id, scheme, path) that are not there yet."""
    named = {sample_id(*sample): sample for sample in samples}
    there = sink.store.existing("samples", list(named))
    fresh = {name: sample for name, sample in named.items() if name not in there}

    def rows() -> Iterator[tuple[dict[str, Any], Unreadable | None]]:
        pictures = sink.pictures.read([path for _, _, path in fresh.values()])
        for (name, (model, scheme, _)), (path, found) in zip(fresh.items(), pictures, strict=True):
            columns, problem = picture_columns(path, found)
            yield {"sample_id": name, "model_id": model, "scheme": scheme, **columns}, problem

    if fresh:
        sink.write("samples", rows())


def add_encoder(store: Store, encoder: str, dim: int) -> None:
    """The encoder's row and its vector table, where they are not there."""
    store.upsert("encoders", [{"encoder": encoder, "dim": dim, "source": SOURCE}])
    store.ensure_vectors(encoder, dim)


@dataclass(frozen=True)
class VectorTable:
    """The vector table of `encoder`."""

    store: Store
    encoder: str

    @cached_property
    def _pairs(self) -> dict[str, MapperPair]:
        """Column -> mapper, of all that are listed now."""
        names = mapper_names(self.store, self.encoder)
        return {mapped_column(name): MapperPair.load(self.store, self.encoder, name) for name in names}

    def add(self, kind: str, ids: Sequence[str | None], rows: Rows, start: int) -> None:
        """Add the vectors of `ids`, images or samples, which are the `rows` from `start` on.

        Where an id is None there is no such item. Vectors that are there stay as they are.
        """
        places = [place for place, name in enumerate(ids) if name is not None]
        if not places:
            return
        base = rows.read(start, start + len(ids))
        base = base if len(places) == len(ids) else base[places]
        columns = {
            "item_id": pa.array([ids[place] for place in places]),
            "item_kind": pa.array([kind] * len(places)),
            "base": vector_array(base),
        }
        for column, pair in self._pairs.items():
            columns[column] = vector_array(_mapped(pair, kind, base))
        self.store.upsert(vectors_table(self.encoder), pa.table(columns))


def _mapped(pair: MapperPair, kind: str, base: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the mapper makes of (items, dim), a bounded number of rows in float64 at a time."""
    side = pair.synth if kind == "sample" else pair.real
    mapped = np.empty((len(base), pair.dim_out or base.shape[1]), np.float32)
    for start in range(0, len(base), BLOCK_ROWS):
        mapped[start : start + BLOCK_ROWS] = side(base[start : start + BLOCK_ROWS])
    return mapped
