"""The features that a report's examples are given with: those of the encoder that its mapper makes best."""

from __future__ import annotations

from collections.abc import Sequence

from ...query import Features
from ...runtime.mapper import RAW
from ..grid import MAIN_VARIANT
from .data import StudyData


def main_features(study: StudyData) -> tuple[Features, Features] | None:
    """(raw, mapped) of the encoder with the best mean of the plan's metric over cases and schemes.

    Mapped is the paper's final variant, else the mapper that is best; None where nothing mapped was measured.
    """
    mapped = [one for one in study.features if one.mapper == MAIN_VARIANT]
    mapped = mapped or [one for one in study.features if one.mapper != RAW]
    found = [(value, one) for one in mapped if (value := mean_score(study, one)) is not None]
    if not found:
        return None
    best = max(found, key=lambda pair: pair[0])[1]
    return Features(best.encoder, RAW), best


def mean_score(study: StudyData, features: Features) -> float | None:
    """The mean over cases and schemes of the plan's metric; None where one of them is not measured."""
    keys = study.data.case_schemes()
    values = [
        one.scores[study.column].value
        for (space, _), one in study.data.measured.items()
        if tuple(space) == (features.encoder, features.mapper)
    ]
    return sum(values) / len(values) if keys and len(values) == len(keys) else None


def asks_with(study: StudyData) -> Sequence[tuple[Features, str]]:
    """The raw and the mapped features of `main_features`, with their labels; empty where there are none."""
    main = main_features(study)
    if main is None:
        return ()
    raw, mapped = main
    return ((raw, f"{raw.encoder}, raw"), (mapped, f"{mapped.encoder}, {mapped.mapper}"))
