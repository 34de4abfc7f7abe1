"""The stored calibration of a space, made the law of each question: by its vector and its concept kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...runtime.influence import PaperLaw, QuestionLaws
from ...runtime.spread import ALL_KINDS, SpreadLaws
from .evidence import model_splits
from .query_vectors import sample_ids

if TYPE_CHECKING:
    from ..search import SearchSpace
    from ..session import Snapshot


def question_laws(
    snapshot: Snapshot,
    space: SearchSpace,
    vectors: NDArray[np.float32],
    samples: Sequence[str | None] | None = None,
    kind: str | None = None,
) -> tuple[QuestionLaws | None, str, str]:
    """The laws of some questions; or None where there is no influence, with why, and what it takes.

    The last two are empty texts where there is influence; what it takes also where the store cannot have it.

    Args:
        snapshot: the versions to read.
        space: the encoder and mapper.
        vectors: (questions, dim) unit rows.
        samples: which stored sample each question is, if any; their concept kind is that of their model.
        kind: the concept kind of all questions instead; ALL_KINDS for none.
    """
    calibration = snapshot.calibration(space.encoder, space.mapper)
    names = f"--encoder {space.encoder} --mapper {space.mapper}"
    command = f"attribase -s STORE train calibration {names}"
    hint = training_hint(snapshot, space.encoder, "shares", f"shares need a calibration: {command}")
    if calibration is None:
        why = f"these features cannot give shares: {space.encoder} with {space.mapper} is not calibrated"
        return None, why, hint
    if isinstance(calibration, PaperLaw):
        return calibration, "", ""
    moments = snapshot.moments(space.encoder, space.mapper)
    now = snapshot.mapper_digest(space.encoder, space.mapper)
    if moments is None or not now == calibration.mapper_digest == moments.mapper_digest:
        why = "these features cannot give shares: the mapper "
        return None, f"{why}{space.mapper!r} was trained again since it was calibrated", hint
    if kind is not None:
        kinds: Sequence[str | None] = [kind] * len(vectors)
    elif samples is not None and set(calibration.parameters) != {ALL_KINDS}:
        kinds = [one for _, one in sample_models(snapshot, samples)]
    else:
        kinds = [None] * len(vectors)
    mean, spread = moments.spread(vectors)
    return SpreadLaws(mean, spread, tuple(calibration.of_kind(one) for one in kinds)), "", ""


def training_hint(snapshot: Snapshot, encoder: str, what: str, command: str) -> str:
    """What it takes to have `what`: the command that trains it, or models to train it on.

    Empty where the store cannot have models: it has vectors of `encoder`, but not the encoder itself.
    """
    if "val" in model_splits(snapshot):
        return command
    if _has_network(snapshot, encoder):
        return f"{what} need models customized on known images: see docs/train.md"
    return ""


def _has_network(snapshot: Snapshot, encoder: str) -> bool:
    """Whether the store has `encoder` itself. A composite's parts have theirs."""

    def read() -> frozenset[str]:
        rows = snapshot.pinned.read("encoders", ["encoder", "onnx_sha256"]).to_pylist()
        return frozenset(row["encoder"] for row in rows if row["onnx_sha256"])

    known = snapshot.cached(("networks",), read, "encoders")
    return set(encoder.split("+")) <= known


def sample_models(snapshot: Snapshot, samples: Sequence[str | None]) -> list[tuple[str | None, str | None]]:
    """The model of each question that is a stored sample, and its concept kind; else None, None."""
    if not any(samples):
        return [(None, None)] * len(samples)
    ids = sample_ids(snapshot, sorted({name for name in samples if name is not None}))
    rows = snapshot.finder("samples", "sample_id").rows(list(ids.values()), ["model_id"])
    of_sample = dict(zip(rows["sample_id"].to_pylist(), rows["model_id"].to_pylist(), strict=True))
    named = [model for model in of_sample.values() if model is not None]  # samples from elsewhere have none
    rows = snapshot.finder("models", "model_id").rows(named, ["concept_kind"])
    kinds = dict(zip(rows["model_id"].to_pylist(), rows["concept_kind"].to_pylist(), strict=True))
    models = [of_sample.get(ids.get(name or "", "")) for name in samples]
    return [(model, (kinds.get(model) or "") if model else None) for model in models]
