"""Test cases: which samples are evaluated, and which exemplars each should retrieve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from ...store.check_items import CHECK
from ...store.errors import NotFoundError
from ..features import Pinned

LEARNED_FROM = ("train", "untouched-train", "untouched-val")
"""Splits that are not evaluated: the last two are of the untouched base, and only mappers learn from them."""

NOT_EVALUATED = (*LEARNED_FROM, CHECK)
"""The splits that are evaluated only where they are named: models of checks are for their check alone."""


class Sample(NamedTuple):
    """A sample with the exemplars of its model, sorted by image id."""

    sample_id: str
    model_id: str
    scheme: str  # '' where it has none
    exemplars: tuple[str, ...]


@dataclass(frozen=True)
class EvaluationCase:
    """The samples of one test case and split, ordered by model and id."""

    name: str
    split: str
    samples: tuple[Sample, ...]


def read_cases(
    pinned: Pinned, name: str | None = None, splits: Sequence[str] | None = None
) -> list[EvaluationCase]:
    """Every case with samples, or the one called `name`, by split; all but NOT_EVALUATED when none are given.

    Raises NotFoundError when nothing matches.
    """
    models = pinned.read("models", ["model_id", "case_name", "split", "exemplar_ids"]).to_pylist()
    chosen = {
        row["model_id"]: row
        for row in models
        if row["case_name"] is not None
        and (name is None or row["case_name"] == name)
        and (row["split"] not in NOT_EVALUATED if splits is None else row["split"] in splits)
    }
    exemplars = {model: tuple(sorted(set(row["exemplar_ids"]))) for model, row in chosen.items()}
    grouped: dict[tuple[str, str], list[Sample]] = {}
    for row in pinned.read("samples", ["sample_id", "model_id", "scheme"]).to_pylist():
        model_id = row["model_id"]
        if model := chosen.get(model_id):
            sample = Sample(row["sample_id"], model_id, row["scheme"] or "", exemplars[model_id])
            grouped.setdefault((model["case_name"], model["split"] or ""), []).append(sample)
    if not grouped:
        known = sorted({row["case_name"] for row in models if row["case_name"]})
        raise NotFoundError(
            "there are no samples to evaluate" + (f" in the case {name!r}" if name else ""),
            hint=f"the cases are {', '.join(known)}" if known else "ingest models and samples first",
        )
    return [
        EvaluationCase(case_name, split, tuple(sorted(samples, key=attrgetter("model_id", "sample_id"))))
        for (case_name, split), samples in sorted(grouped.items())
    ]
