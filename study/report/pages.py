"""Further pages of a report: models with their exemplars and samples, and what every encoder finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...query import Features
from ...query.report.case_pairs import domain_of_case
from ...query.report.text import case_text
from ...query.sql.statements import load_sql
from ...runtime.mapper import RAW
from ..grid import MAIN_VARIANT
from .answers import SampleRows, answer_rows
from .data import StudyData
from .main_features import main_features
from .qualitative import ask_about, models_by_precision

MODELS = 12
"""Models of a case on a page of models."""

EXEMPLARS, SAMPLES = 8, 6
"""Of a model; samples of each scheme."""

PLACES, IMAGES = (0.25, 0.5, 0.75), 8
"""Which models of a case, in order of precision, and images of a row, on the page of what is found."""


@dataclass(frozen=True)
class Shown:
    """A picture and its title."""

    picture: str
    title: str


@dataclass(frozen=True)
class ModelCard:
    """A model: its exemplars, and its samples by scheme."""

    title: str
    exemplars: tuple[Shown, ...]
    more: int
    samples: tuple[tuple[str, tuple[Shown, ...]], ...]


@dataclass(frozen=True)
class Page:
    """A page beside the main one: sections with a title, of models, or of samples with what is found."""

    name: str
    title: str
    text: str
    cards: tuple[tuple[str, tuple[ModelCard, ...]], ...] = ()
    found: tuple[tuple[str, tuple[SampleRows, ...]], ...] = ()


def further_pages(study: StudyData) -> list[Page]:
    """Object-centric models, style-centric ones, and retrieval; those that the store has something for."""
    pages = [
        _models_page(study, "objects", "object", "Object-centric models"),
        _models_page(study, "styles", "style", "Style-centric models"),
        _retrieval_page(study),
    ]
    return [page for page in pages if page is not None]


def _models_page(study: StudyData, name: str, kind: str, title: str) -> Page | None:
    cases = [case for case in study.cases if (one := domain_of_case(study.data, case)) and one.kind == kind]
    sections = tuple((case_text(case), cards) for case in cases if (cards := _model_cards(study, case)))
    text = (
        f"Test models, up to {MODELS} of a case in order of their id: the exemplars that each was "
        f"customized on, and up to {SAMPLES} samples of each scheme of prompts."
    )
    return Page(name, title, text, cards=sections) if sections else None


def _model_cards(study: StudyData, case: str) -> tuple[ModelCard, ...]:
    params = {"case_name": case, "split": study.data.split, "count": MODELS}
    models = study.con.execute(load_sql("study_models"), params).fetchall()
    ids = {"model_ids": [model for model, _, _ in models]}
    samples = study.con.execute(load_sql("study_drawn"), ids).fetchall()
    by_model: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for model, sample, scheme, prompt in samples:
        by_model.setdefault(model, {}).setdefault(scheme, []).append((sample, prompt))
    return tuple(
        _model_card(study, concept or model[:12], exemplars, by_model.get(model, {}))
        for model, concept, exemplars in models
    )


def _model_card(
    study: StudyData,
    title: str,
    exemplars: Sequence[str],
    samples: dict[str, list[tuple[str, str]]],
) -> ModelCard:
    chosen = sorted(set(exemplars))
    own = study.pictures.paths("image", chosen[:EXEMPLARS])
    drawn = []
    for scheme, rows in samples.items():
        paths = study.pictures.paths("sample", [sample for sample, _ in rows[:SAMPLES]])
        shown = tuple(Shown(path, prompt) for path, (_, prompt) in zip(paths, rows, strict=False))
        drawn.append((scheme or "samples", shown))
    return ModelCard(
        title,
        tuple(Shown(path, "exemplar") for path in own),
        max(0, len(chosen) - EXEMPLARS),
        tuple(drawn),
    )


def _retrieval_page(study: StudyData) -> Page | None:
    main = main_features(study)
    if main is None:
        return None
    by = [
        (one, f"{one.encoder}, {'raw' if one.mapper == RAW else one.mapper}")
        for encoder in study.encoders
        for one in (Features(encoder, RAW), Features(encoder, MAIN_VARIANT))
        if study.has(one)
    ]
    models: dict[str, list[dict[str, Any]]] = {}
    for row in models_by_precision(study, main[1]):
        models.setdefault(row["case_name"], []).append(row)
    sections = []
    for case, rows in models.items():
        places = [round(place * (len(rows) - 1)) for place in PLACES]
        asked = [ask_about(rows[at], "") for at in dict.fromkeys(places)]
        sections.append((case_text(case), tuple(answer_rows(study, asked, by, IMAGES))))
    text = (
        "What every encoder finds, raw above mapped, for samples of models at a quarter, half and three "
        "quarters of their case by average precision. Exemplars have a frame."
    )
    return Page("retrieval", "What every encoder finds", text, found=tuple(sections))
