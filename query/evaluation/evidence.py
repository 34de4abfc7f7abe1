"""Measure how often answers are right, by their top share and by p_none, on pictures of test models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...runtime.moments import ids_digest
from ...runtime.spread import ALL_KINDS
from ...store.columns import utc_now
from ...store.errors import NotFoundError
from ...store.ids import key_id
from ...store.jobs import Step
from ..attribution.attribute import answer_all
from ..attribution.evidence import P_NONE, SHARE, law_digest
from ..attribution.request import Request
from ..features import FeatureReader
from ..session import Session
from .cases import Sample, read_cases
from .pools import rankable
from .runs import pairs_of_names

if TYPE_CHECKING:
    from ...store import Store
    from ..search import SearchSpace
    from ..session import Snapshot

SHARE_EDGES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
P_NONE_EDGES = (0.0, 0.05, 0.1, 0.3, 0.6, 1.0)
"""Where the ranges begin and end; a value of 1 is in the last."""

SPLIT = "test"

MOST_PICTURES = 4096
"""Test pictures that are asked about; of more, so many are taken at equal distances in order of model."""

TOGETHER = 512
"""Questions between two reports of progress."""


@dataclass(frozen=True)
class Outcomes:
    """Of each picture that was asked about: arrays (pictures,). NaN where there is no share or p_none."""

    share: NDArray[np.float64]
    p_none: NDArray[np.float64]
    right: NDArray[np.bool_]  # the top image is an exemplar of the picture's own model
    models: NDArray[np.str_]


def measure_evidence(
    store: Store, encoder: str | None = None, mapper: str | None = None, *, force: bool = False
) -> Iterator[Step]:
    """Ask about every test picture as about one of unknown origin, and count how often the top is right.

    Writes the table `evidence`, a row for each range of the top share and of p_none. Takes every encoder and
    mapper that has a calibration or an abstention, unless one is named. Yields nothing where what was
    measured is of the same pictures, pool, mapper and calibration.

    Raises:
        NotFoundError: no such encoder or mapper.
        ConflictError: vectors that a mapper has not mapped.
    """
    snapshot = Session(store).snapshot()
    for name, by in pairs_of_names(snapshot.pinned, encoder, mapper):
        if snapshot.calibration(name, by) is not None or snapshot.abstention(name, by)[0] is not None:
            yield from _measure_pair(snapshot, name, by, force)


def _measure_pair(snapshot: Snapshot, encoder: str, mapper: str, force: bool) -> Iterator[Step]:
    samples = _test_samples(snapshot, encoder, mapper)
    space = snapshot.space(encoder, mapper)
    if not samples or not space.pool("all").size:
        return
    pool_size, inputs = space.pool("all").size, _inputs_digest(snapshot, space, samples)
    where = f"inputs = '{inputs}'"
    if not force and len(snapshot.store.read("evidence", ["inputs"], where)):
        return
    answered: list[tuple[float, float, bool]] = []
    request = Request(encoder, mapper, k=1, kind=ALL_KINDS, method="exact", files=False, details=False)
    for start in range(0, len(samples), TOGETHER):
        some = samples[start : start + TOGETHER]
        for sample, answer in zip(
            some, answer_all(snapshot, [one.sample_id for one in some], request), strict=True
        ):
            top = answer.results[0]
            share, p_none = (np.nan if one is None else one for one in (top.influence, answer.p_none))
            answered.append((share, p_none, top.image_id in sample.exemplars))
        yield Step("evidence", len(answered), len(samples), f"{encoder}/{mapper}")
    shares, p_nones, right = (np.array(column) for column in zip(*answered, strict=True))
    models = np.array([one.model_id for one in samples])
    outcomes = Outcomes(shares, p_nones, right.astype(bool), models)
    about = {"encoder": encoder, "mapper": mapper, "split": SPLIT, "pool_size": pool_size, "inputs": inputs}
    about |= {"mapper_digest": snapshot.mapper_digest(encoder, mapper), "created": utc_now()}
    snapshot.store.upsert("evidence", _rows(snapshot, outcomes, about), update=True)


def _test_samples(snapshot: Snapshot, encoder: str, mapper: str) -> list[Sample]:
    """Samples of test models that have a vector and exemplars, up to MOST_PICTURES.

    Those of sets are left out: one of a thousand exemplars is on top more often than one of one.
    """
    models = snapshot.pinned.read("models", ["model_id", "concept_kind"]).to_pylist()
    sets = {row["model_id"] for row in models if row["concept_kind"] == "set"}
    try:
        cases = read_cases(snapshot.pinned, None, [SPLIT])
    except NotFoundError:
        return []
    features = FeatureReader(snapshot.pinned, encoder, mapper)
    chosen = [sample for case in cases for sample in case.samples if sample.model_id not in sets]
    samples = rankable(chosen, features)
    if len(samples) <= MOST_PICTURES:
        return samples
    return [samples[at] for at in np.linspace(0, len(samples) - 1, MOST_PICTURES).astype(int)]


def _inputs_digest(snapshot: Snapshot, space: SearchSpace, samples: Sequence[Sample]) -> str:
    """Of all that the measured numbers depend on."""
    encoder, mapper = space.encoder, space.mapper
    plain = [
        encoder,
        mapper,
        snapshot.mapper_digest(encoder, mapper),
        law_digest(snapshot.calibration(encoder, mapper)),
        law_digest(snapshot.abstention(encoder, mapper)[0]),
        ids_digest(space.ids.filter(space.pool("all").mask)),
        [(one.sample_id, one.exemplars) for one in samples],
        [SHARE_EDGES, P_NONE_EDGES],
    ]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def _rows(snapshot: Snapshot, outcomes: Outcomes, about: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each range, also of those without a picture, so that earlier ones are replaced."""
    encoder, mapper = about["encoder"], about["mapper"]
    laws = {
        SHARE: (SHARE_EDGES, outcomes.share, snapshot.calibration(encoder, mapper)),
        P_NONE: (P_NONE_EDGES, outcomes.p_none, snapshot.abstention(encoder, mapper)[0]),
    }
    rows = []
    for basis, (edges, values, law) in laws.items():
        places = np.minimum(np.searchsorted(edges, values, side="right") - 1, len(edges) - 2)
        for place, (low, high) in enumerate(pairwise(edges)):
            mine = (places == place) & ~np.isnan(values)
            rows.append(
                about
                | {
                    "evidence_id": key_id(encoder, mapper, basis, place),
                    "basis": basis,
                    "low": low,
                    "high": high,
                    "pictures": int(mine.sum()),
                    "models": len(set(outcomes.models[mine])),
                    "top_right": int(outcomes.right[mine].sum()),
                    "law_digest": law_digest(law),
                }
            )
    return rows
