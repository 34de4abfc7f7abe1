"""Figures 8, 15, 9 and 14: samples with the images found for them, raw above mapped, exemplars framed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from ...query import Features
from ...query.report.text import case_text
from ...query.sql.statements import load_sql
from ...store import vectors_table
from ...store.lookup import is_in
from .answers import Asked, answer_rows, found_rows
from .data import StudyData
from .figure import Figure, NotDrawn
from .fragments import sample_rows_html
from .main_features import asks_with

IMAGES = 8
"""Images of a row."""

MEDIAN, BEST, WEAKEST = "median of its case", "best of its case", "weakest of its case"
NO_FEATURES = "It needs a mapper that was measured in all cases."
FRAMED = "Exemplars, the images that the sample was made from, have a frame"
OUTSIDE = 6
"""Pictures from elsewhere in a figure."""


def median_models(study: StudyData) -> Figure | NotDrawn:
    """Figure 8: for each case the sample of median precision of the median model."""
    title = "Figure 8. What raw and mapped features find"
    text = (
        "Each block is a sample on the left, and the training images that are most similar to it: by raw "
        "features "
        f"above, by mapped ones below. {FRAMED}. Chosen without a look: the model in the middle of its case "
        "by average precision with the mapped features, and its sample in the middle."
    )
    return _by_precision(study, "figure-8", title, text, {MEDIAN: 0.5})


def best_and_weakest_models(study: StudyData) -> Figure | NotDrawn:
    """Figure 15: for each case the best and the weakest model."""
    title = "Figure 15. Further samples: the best and the weakest model of each case"
    text = f"As Figure 8, at both ends of each case. {FRAMED}."
    return _by_precision(study, "figure-15", title, text, {BEST: 0.0, WEAKEST: 1.0})


def outside_pictures(study: StudyData) -> Figure | NotDrawn:
    """Figure 9: pictures that no model of the store drew."""
    return _outside(study, "figure-9", "Figure 9. Pictures from elsewhere", 0)


def more_outside_pictures(study: StudyData) -> Figure | NotDrawn:
    """Figure 14: further ones."""
    return _outside(study, "figure-14", "Figure 14. Further pictures from elsewhere", OUTSIDE)


def models_by_precision(study: StudyData, features: Features) -> list[dict[str, Any]]:
    """Rows of the query `models_by_precision` of the study's cases."""
    params = {"encoder": features.encoder, "mapper": features.mapper}
    found = study.con.sql(load_sql("models_by_precision"), params=params).to_arrow_table().to_pylist()
    return [row for row in found if row["case_name"] in study.cases]


def ask_about(row: dict[str, Any], note: str = "") -> Asked:
    """The sample of a row of `models_by_precision`."""
    title = f"{case_text(row['case_name'])}: {row['concept'] or row['model_id'][:12]}"
    said = f"{row['prompt'] or ''} ({note})" if note else row["prompt"] or ""
    return Asked(row["sample_id"], title, frozenset(row["exemplar_ids"]), said.strip())


def _by_precision(
    study: StudyData, name: str, title: str, text: str, places: dict[str, float]
) -> Figure | NotDrawn:
    by = asks_with(study)
    if not by:
        return NotDrawn(name, title, NO_FEATURES)
    models: dict[str, list[dict[str, Any]]] = {}
    for row in models_by_precision(study, by[-1][0]):
        models.setdefault(row["case_name"], []).append(row)
    asked = [
        ask_about(rows[round(place * (len(rows) - 1))], note)
        for rows in models.values()
        for note, place in places.items()
    ]
    if not asked:
        return NotDrawn(name, title, "It needs test models with samples.")
    return _figure(study, name, title, text, asked)


def _figure(study: StudyData, name: str, title: str, text: str, asked: Sequence[Asked]) -> Figure:
    samples = answer_rows(study, asked, asks_with(study), IMAGES)
    return Figure(name, title, text, (), found_rows(samples), sample_rows_html(samples))


def _outside(study: StudyData, name: str, title: str, start: int) -> Figure | NotDrawn:
    """Those from `start` on, in order of their id, that every one of the features has a vector of."""
    by = asks_with(study)
    rows = study.con.sql(load_sql("study_outside")).fetchall()
    if not rows:
        reason = "The store has no picture without a model: attribase -s STORE ingest samples FOLDER."
        return NotDrawn(name, title, reason)
    if not by:
        return NotDrawn(name, title, NO_FEATURES)
    table = study.snapshot.pinned.dataset(vectors_table(by[0][0].encoder))
    wanted = is_in("item_id", [row[0] for row in rows[:1000]])
    embedded = set(table.to_table(columns=["item_id"], filter=wanted)["item_id"].to_pylist())
    asked = [
        Asked(sample, generator or PurePosixPath(uri or "from elsewhere").name, note=prompt or "")
        for sample, prompt, generator, uri in rows[:1000]
        if sample in embedded
    ][start : start + OUTSIDE]
    if not asked:
        reason = "All pictures without a model are in Figure 9." if start else "None of them has a vector."
        return NotDrawn(name, title, reason)
    text = (
        "Pictures that no model of the store drew, with the training images most similar to them, by raw "
        "features above and by mapped ones below. What they were made from is not known, so nothing is "
        "framed."
    )
    return _figure(study, name, title, text, asked)
