"""The models, exemplars and samples of a listing, written to the store."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from ...store import Store
from ...store.lookup import quote
from ..images.sources.source import Unreadable
from .images import RowWriter, add_images, image_columns, known_images
from .listing import Listing, sample_id
from .stored import model_config

METHOD = "custom-diffusion"
SPLIT = "test"
MODEL_COLUMNS = ("model_id", "concept_kind", "concept", "category", "exemplar_ids")


def stored_exemplars(store: Store, listing: Listing) -> dict[str, list[str]]:
    """The image ids of the exemplars of each stored model of `listing`, by model id."""
    rows = store.read(
        "models", ["model_id", "exemplar_ids"], f"case_name = {quote(listing.case)}"
    ).to_pylist()
    wanted = set(listing.model_ids)
    return {row["model_id"]: row["exemplar_ids"] for row in rows if row["model_id"] in wanted}


def add_models(writer: RowWriter, listing: Listing) -> None:
    """Write the exemplars' images and the models, combining what two parts say about a model."""
    exemplars = _add_exemplars(writer, listing)
    where = f"case_name = {quote(listing.case)}"
    rows = writer.store.read("models", MODEL_COLUMNS, where).to_pylist()
    before = {row["model_id"]: row for row in rows}
    changed = []
    for place, name in enumerate(listing.model_ids):
        row = _model_row(listing, place, exemplars[place])
        known = before.get(name)
        if known:
            row |= {key: known[key] for key in ("concept", "category") if known[key] is not None}
            row["exemplar_ids"] = known["exemplar_ids"]
            if "style" in (row["concept_kind"], known["concept_kind"]):
                row["concept_kind"] = "style"
        if known != {key: row[key] for key in MODEL_COLUMNS}:
            changed.append(row)
    if changed:
        writer.store.upsert("models", changed, update=True)


def _add_exemplars(writer: RowWriter, listing: Listing) -> list[list[str]]:
    """The image ids of the exemplars of each model; images that are not stored yet are added."""
    known: dict[str, str] = {}
    stored = stored_exemplars(writer.store, listing)
    for name, model in zip(listing.model_ids, listing.models, strict=True):
        known |= dict(zip(model.exemplars, stored.get(name, ()), strict=False))
    paths = list(dict.fromkeys(path for model in listing.models for path in model.exemplars))
    found = known_images(writer.store, pa.array(paths, pa.string())).to_pylist()
    given = [known.get(path) or name for path, name in zip(paths, found, strict=True)]
    ids = dict(zip(paths, add_images(writer, listing.case, paths, given), strict=True))
    return [[ids[path] for path in model.exemplars] for model in listing.models]


def _model_row(listing: Listing, place: int, exemplars: Sequence[str]) -> dict[str, Any]:
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


def add_samples(writer: RowWriter, samples: Sequence[tuple[str, str, str]]) -> None:
    """Write the samples (model id, scheme, path) that are not stored yet."""
    named = {sample_id(*sample): sample for sample in samples}
    there = writer.store.existing("samples", list(named))
    fresh = {name: sample for name, sample in named.items() if name not in there}

    def rows() -> Iterator[tuple[dict[str, Any], Unreadable | None]]:
        images = writer.images.read([path for _, _, path in fresh.values()])
        for (name, (model, scheme, _)), (path, found) in zip(fresh.items(), images, strict=True):
            columns, problem = image_columns(path, found)
            yield {"sample_id": name, "model_id": model, "scheme": scheme, **columns}, problem

    if fresh:
        writer.write("samples", rows())
