"""Figures 4 and 11: influence before and after calibration, of one sample and in the mean of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...query import Features
from ...query.attribution.attribute import answer_all
from ...query.attribution.request import Request
from ...query.report.influence import influence_curves, influence_figure
from ...query.report.svg import COLOURS, INK, LINE, SOFT, Key, add_keys, new_figure, svg_text
from ...runtime.influence import influence
from .answers import answer_rows
from .data import StudyData
from .figure import Figure, NotDrawn, Panel
from .fragments import sample_rows_html
from .main_features import main_features
from .qualitative import ask_about, models_by_precision

SHOWN = 10
"""Images of one sample."""

NOT_CALIBRATED = "It needs a mapper that was measured in all cases and is calibrated."
BEFORE = "Before calibration, influence is a softmax over the similarities (tau = 1, lambda = 0)"


def influence_of_one(study: StudyData) -> Figure | NotDrawn:
    """Figure 4: the influence of the first images of one sample, before and after calibration."""
    name, title = "figure-4", "Figure 4. Influence on one sample, before and after calibration"
    mapped = calibrated_features(study)
    models = models_by_precision(study, mapped) if mapped else []
    if mapped is None or not models:
        return NotDrawn(name, title, NOT_CALIBRATED)
    best = max(models, key=lambda row: (row["ap"], row["model_id"]))
    asked = ask_about(best, "the model with the highest precision")
    pool = study.snapshot.space(mapped.encoder, mapped.mapper).pool("all").size
    request = Request(mapped.encoder, mapped.mapper, k=pool, method="exact", files=False, details=False)
    [answer] = answer_all(study.snapshot, [asked.sample_id], request)
    results = answer.results[:SHOWN]
    before = influence(np.array([one.similarity for one in answer.results]), tau=1.0, lam=0.0)[:SHOWN]
    after = [one.influence or 0.0 for one in results]
    rows = [
        {
            "sample_id": asked.sample_id,
            "encoder": mapped.encoder,
            "mapper": mapped.mapper,
            "rank": one.rank,
            "image_id": one.image_id,
            "similarity": one.similarity,
            "before": float(share),
            "after": one.influence,
            "exemplar": one.image_id in asked.exemplars,
        }
        for one, share in zip(results, before, strict=True)
    ]
    text = (
        f"The {len(results)} most similar images of one sample, exemplars framed, and the influence of each. "
        f"{BEFORE} and nearly the same for all {pool:,} images; after it, it goes to the few that stand out."
    )
    panel = Panel("figure-4a", "Influence by rank", _bars(before.tolist(), after, rows))
    shown = answer_rows(study, [asked], [(mapped, f"{mapped.encoder}, {mapped.mapper}")], SHOWN)
    return Figure(name, title, text, (panel,), rows, sample_rows_html(shown))


def influence_by_rank(study: StudyData) -> Figure | NotDrawn:
    """Figure 11: mean influence by rank over many samples."""
    name, title = "figure-11", "Figure 11. Influence by rank, before and after calibration"
    mapped = calibrated_features(study)
    models = models_by_precision(study, mapped) if mapped else []
    if mapped is None or not models:
        return NotDrawn(name, title, NOT_CALIBRATED)
    curves = influence_curves(study.snapshot, mapped, [row["sample_id"] for row in models])
    rows = [
        {"encoder": mapped.encoder, "mapper": mapped.mapper, "rank": rank, "before": before, "after": after}
        for rank, (before, after) in enumerate(zip(curves.before, curves.after, strict=True), start=1)
    ]
    text = (
        f"Mean influence of each rank over {curves.samples} samples of test models, {mapped.encoder} with "
        f"{mapped.mapper}. {BEFORE}. Both axes are logarithmic."
    )
    panel = Panel("figure-11a", "Mean influence", influence_figure("figure-11a", curves))
    return Figure(name, title, text, (panel,), rows)


def calibrated_features(study: StudyData) -> Features | None:
    """The mapped ones of `main_features`, if they are calibrated."""
    main = main_features(study)
    if main is None or study.snapshot.calibration(main[1].encoder, main[1].mapper) is None:
        return None
    return main[1]


def _bars(before: Sequence[float], after: Sequence[float], rows: Sequence[Mapping[str, object]]) -> str:
    figure, axes = new_figure(2.8)
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    ranks = np.arange(1, len(before) + 1)
    axes.bar(ranks - 0.2, [100 * one for one in before], 0.38, color=SOFT, zorder=2)
    axes.bar(ranks + 0.2, [100 * one for one in after], 0.38, color=COLOURS[0], zorder=2)
    names = [f"{rank}{'*' if row['exemplar'] else ''}" for rank, row in zip(ranks, rows, strict=True)]
    axes.set_xticks(ranks, names)
    axes.set_xlabel("rank of the training image; * an exemplar", color=INK, fontsize=9.5)
    axes.set_ylabel("influence, %", color=INK, fontsize=9.5)
    add_keys(figure, [Key("before calibration", "s", fill=SOFT), Key("after", "s", fill=COLOURS[0])])
    return svg_text(figure, "figure-4a", "Influence of the first images; values are in the table")
