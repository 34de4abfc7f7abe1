"""Answers of several features about the same samples, as rows of thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...query import Answer, Features
from ...query.attribution.attribute import answer_all
from ...query.attribution.request import Request
from .data import StudyData
from .pictures import Pictures


@dataclass(frozen=True)
class Asked:
    """A picture that is asked about, and the images that it was made from, where these are known."""

    sample_id: str
    title: str
    exemplars: frozenset[str] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class Found:
    """One image of an answer. `true`: it is an exemplar of the model that drew the sample."""

    image_id: str
    picture: str
    rank: int
    similarity: float
    influence: float | None
    true: bool


@dataclass(frozen=True)
class AnswerRow:
    """The best images for one sample with some features."""

    features: Features
    label: str
    found: tuple[Found, ...]


@dataclass(frozen=True)
class SampleRows:
    """A sample and its answers, one row each."""

    asked: Asked
    picture: str
    rows: tuple[AnswerRow, ...]


def answer_rows(
    study: StudyData, asked: Sequence[Asked], by: Sequence[tuple[Features, str]], k: int
) -> list[SampleRows]:
    """For each sample the `k` best images with each of `by`, features and their label."""
    ids, pictures = [one.sample_id for one in asked], study.pictures
    answers: list[list[Answer]] = []
    for features, _ in by:
        request = Request(features.encoder, features.mapper, k=k, method="exact", files=False, details=False)
        answers.append(answer_all(study.snapshot, ids, request))
    pictures.load("image", [one.image_id for some in answers for answer in some for one in answer.results])
    shown = pictures.paths("sample", ids)
    return [
        SampleRows(
            one,
            shown[at],
            tuple(
                AnswerRow(features, label, _found(answers[number][at], one, pictures))
                for number, (features, label) in enumerate(by)
            ),
        )
        for at, one in enumerate(asked)
    ]


def _found(answer: Answer, asked: Asked, pictures: Pictures) -> tuple[Found, ...]:
    return tuple(
        Found(
            one.image_id,
            pictures.path("image", one.image_id),
            one.rank,
            one.similarity,
            one.influence,
            one.image_id in asked.exemplars,
        )
        for one in answer.results
    )


def found_rows(samples: Sequence[SampleRows]) -> list[dict[str, Any]]:
    """A row for each image that is shown."""
    return [
        {
            "sample_id": sample.asked.sample_id,
            "encoder": row.features.encoder,
            "mapper": row.features.mapper,
            "rank": one.rank,
            "image_id": one.image_id,
            "similarity": one.similarity,
            "influence": one.influence,
            "exemplar": one.true,
        }
        for sample in samples
        for row in sample.rows
        for one in row.found
    ]
