"""Test cases: which samples are asked about, and which exemplars are the right answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ..store.errors import ConflictError, NotFoundError
from .features import Pinned

GALLERY = "gallery"
"""The collection of the images that the base model was trained on."""


@dataclass(frozen=True)
class Case:
    """The samples of one test case and split, ordered by model and id; `exemplars` by model id, sorted."""

    name: str
    split: str
    samples: tuple[str, ...]
    models: tuple[str, ...]  # the model of each sample
    schemes: tuple[str, ...]
    exemplars: dict[str, tuple[str, ...]]


def read_cases(pinned: Pinned, name: str | None = None, splits: Sequence[str] | None = None) -> list[Case]:
    """Every case with samples, or the one called `name`, by split; all but `train` when none are given.

    Raises NotFoundError when nothing matches.
    """
    models = pinned.rows("models", ["model_id", "case_name", "split", "exemplar_ids"]).to_pylist()
    chosen = {
        row["model_id"]: row
        for row in models
        if row["case_name"] is not None
        and (name is None or row["case_name"] == name)
        and (row["split"] != "train" if splits is None else row["split"] in splits)
    }
    grouped: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for row in pinned.rows("samples", ["sample_id", "model_id", "scheme"]).to_pylist():
        if model := chosen.get(row["model_id"]):
            place = (model["case_name"], model["split"] or "")
            grouped.setdefault(place, []).append((row["model_id"], row["sample_id"], row["scheme"] or ""))
    if not grouped:
        known = sorted({row["case_name"] for row in models if row["case_name"]})
        raise NotFoundError(
            "there are no samples to evaluate" + (f" in the case {name!r}" if name else ""),
            hint=f"the cases are {', '.join(known)}" if known else "ingest models and samples first",
        )
    return [_case(*place, sorted(members), chosen) for place, members in sorted(grouped.items())]


def _case(
    name: str, split: str, members: list[tuple[str, str, str]], models: dict[str, dict[str, list[str]]]
) -> Case:
    exemplars = {model: tuple(sorted(set(models[model]["exemplar_ids"]))) for model, _, _ in members}
    return Case(
        name=name,
        split=split,
        samples=tuple(sample for _, sample, _ in members),
        models=tuple(model for model, _, _ in members),
        schemes=tuple(scheme for _, _, scheme in members),
        exemplars=exemplars,
    )


def gallery_ids(pinned: Pinned) -> pa.Array:
    """Image ids of the gallery. Raises ConflictError when it is empty."""
    members = pinned.rows("members", ["collection", "image_id"])
    ids = members.filter(pc.equal(members["collection"], GALLERY))["image_id"].combine_chunks()
    if not len(ids):
        raise ConflictError(
            "the gallery is empty", hint=f"attribase -s STORE ingest images FOLDER --collection {GALLERY}"
        )
    return ids
