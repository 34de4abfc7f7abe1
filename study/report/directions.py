"""The paper's ablations as questions: the direction that its tables show, and the direction here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from ...query import Features, PairedRow
from ...query.evaluation.paired import compare_samples
from ...query.report.case_pairs import KNOWN, domain_of_case
from ...query.report.data import ALSO_CALLED, FeatureSpace
from ...runtime.mapper import RAW
from .data import StudyData

EVERY = "all encoders"
HOLDS, REVERSED, UNDECIDED, NOT_PUBLISHED = "holds", "does not", "undecided", "not in the paper"
"""HOLDS: the interval is on the paper's side of 0; REVERSED: on the other side; UNDECIDED: 0 is in it."""


@dataclass(frozen=True)
class Ablation:
    """Whether mapper `second` finds more than `first`, on cases of one `kind` or domain; None for all."""

    question: str
    first: str
    second: str
    kind: str | None = None
    seen: bool | None = None


ABLATIONS = (
    Ablation("Does a mapper find more than raw features?", RAW, "object+style"),
    Ablation("Also for concepts that it did not learn from?", RAW, "object+style", seen=False),
    Ablation("Does learning from objects alone help with styles?", RAW, "object", kind="style"),
    Ablation("Does learning from styles alone help with objects?", RAW, "style", kind="object"),
    Ablation(
        "For objects, is learning from both better than from objects alone?",
        "object",
        "object+style",
        kind="object",
    ),
    Ablation(
        "For styles, is learning from both better than from styles alone?",
        "style",
        "object+style",
        kind="style",
    ),
    Ablation("Does the regulariser help?", "no-reg", "object+style"),
    Ablation("Is mild augmentation better than strong?", "strong-aug", "object+style"),
    Ablation("Is a linear map better than one factor a channel?", "channel", "object+style"),
    Ablation("Is a linear map better than an MLP?", "mlp", "object+style"),
)
"""The comparisons of Tables 3 and 4, in the order of the paper's text."""


@dataclass(frozen=True)
class Direction:
    """The answer to one question with one encoder, or the mean of all.

    Attributes:
        question, first, second: as in the ablation.
        encoder: or EVERY.
        paper: the mean difference in the paper's tables, in Recall or AP; None where it has none.
        paper_encoders: how many of the paper's encoders the difference has this sign with.
        of_encoders: of how many.
        difference, low, high: here, the mean over cases and schemes; its 95% interval over models.
        models: how many.
        verdict: HOLDS, REVERSED, UNDECIDED or NOT_PUBLISHED.
    """

    question: str
    first: str
    second: str
    encoder: str
    paper: float | None
    paper_encoders: int
    of_encoders: int
    difference: float
    low: float | None
    high: float | None
    models: int
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


def directions(study: StudyData) -> list[Direction]:
    """Every question that some encoder has both mappers for: a row for all encoders, then one for each."""
    found: list[Direction] = []
    for ablation in ABLATIONS:
        cases = [case for case in study.cases if _is_of(study, ablation, case)]
        every = {encoder: _paired(study, ablation, encoder, cases) for encoder in study.encoders}
        samples = {encoder: one for encoder, one in every.items() if one is not None}
        if not samples:
            continue
        paper = _published(study, ablation)
        if len(samples) > 1:
            found.append(
                _direction(ablation, EVERY, paper, compare_samples(_mean(list(samples.values())))[-1])
            )
        for encoder, one in samples.items():
            found.append(_direction(ablation, encoder, paper, compare_samples(one)[-1]))
    return found


def _is_of(study: StudyData, ablation: Ablation, case: str) -> bool:
    domain = domain_of_case(study.data, case)
    kind, seen = (domain.kind, domain.seen) if domain else (None, None)
    return ablation.kind in (None, kind) and ablation.seen in (None, seen)


def _paired(study: StudyData, ablation: Ablation, encoder: str, cases: Sequence[str]) -> pl.DataFrame | None:
    first, second = Features(encoder, ablation.first), Features(encoder, ablation.second)
    if not cases or not study.has(first, second):
        return None
    samples = study.paired(first, second, cases)
    return samples if len(samples) else None


def _mean(samples: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The mean over encoders of each sample that all have."""
    keys = ["case_name", "scheme", "exemplar_set", "sample_id"]
    means = (
        pl.concat(samples).group_by(keys).agg(pl.col("first").mean(), pl.col("second").mean(), count=pl.len())
    )
    return means.filter(pl.col("count") == len(samples)).drop("count").sort(keys)


def _published(study: StudyData, ablation: Ablation) -> Mapping[str, float]:
    """The mean difference in the paper's tables for each of its encoders, over cases and schemes."""
    cases = {one.case for one in KNOWN if one.world == "paper" and ablation.kind in (None, one.kind)}
    cases &= {one.case for one in KNOWN if ablation.seen in (None, one.seen)}
    first, second = (ALSO_CALLED.get(name, name) for name in (ablation.first, ablation.second))
    found: dict[str, list[float]] = {}
    for (space, key), row in study.data.published.items():
        before = study.data.published.get((FeatureSpace(space.encoder, first), key))
        if space.mapper == second and key.case in cases and before is not None:
            found.setdefault(space.encoder, []).append(row[study.column] - before[study.column])
    return {encoder: sum(values) / len(values) for encoder, values in found.items()}


def _direction(ablation: Ablation, encoder: str, paper: Mapping[str, float], row: PairedRow) -> Direction:
    mean = sum(paper.values()) / len(paper) if paper else None
    return Direction(
        question=ablation.question,
        first=ablation.first,
        second=ablation.second,
        encoder=encoder,
        paper=mean,
        paper_encoders=sum((value > 0) == (mean > 0) for value in paper.values()) if mean is not None else 0,
        of_encoders=len(paper),
        difference=row.difference,
        low=row.low,
        high=row.high,
        models=row.models,
        verdict=_verdict(mean, row),
    )


def _verdict(paper: float | None, row: PairedRow) -> str:
    if paper is None:
        return NOT_PUBLISHED
    if row.low is None or row.high is None or row.low <= 0 <= row.high:
        return UNDECIDED
    return HOLDS if (row.low > 0) == (paper > 0) else REVERSED
