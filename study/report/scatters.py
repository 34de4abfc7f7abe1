"""Figures 5 and 16: objects against styles, and concepts seen in training against unseen ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...query.report.case_pairs import CasePair, objects_and_styles, seen_and_unseen
from ...query.report.charts import scatter_figure
from ...query.report.data import ReportData
from ...query.report.plot_data import METRIC, Arrow, arrows_of
from .data import StudyData
from .figure import Figure, NotDrawn, Panel

PairsOf = Callable[[ReportData, Iterable[str]], list[CasePair]]


def objects_or_styles(study: StudyData) -> Figure | NotDrawn:
    """Figure 5: each encoder on the plane of objects and styles, an arrow from raw to mapped."""
    text = (
        "Each arrow is an encoder, from its raw features (ring) to the mapped ones (dot). Further right "
        "is better at finding the exemplar of an object, further up at finding those of a style; nothing "
        "else is better in both than what lies furthest up and right. Points are means over the schemes "
        "of a case; axes need not start at 0."
    )
    return _scatter(study, "figure-5", "Figure 5. Objects or styles", text, objects_and_styles)


def seen_or_unseen(study: StudyData) -> Figure | NotDrawn:
    """Figure 16: cases seen in training against unseen ones."""
    text = (
        "The horizontal axis is a case whose concepts the mappers were trained on, the vertical axis one "
        "whose concepts they were not. A rising arrow is a gain on unseen concepts; on the dashed line "
        "both cases are equally hard. Points are means over the schemes of a case."
    )
    return _scatter(study, "figure-16", "Figure 16. Seen or unseen in training", text, seen_and_unseen)


def _scatter(study: StudyData, name: str, title: str, text: str, pairs_of: PairsOf) -> Figure | NotDrawn:
    panels: list[Panel] = []
    rows: list[dict[str, Any]] = []
    for pair in pairs_of(study.data, study.cases):
        if arrows := arrows_of(study.data, pair):
            panel = f"{name}{chr(ord('a') + len(panels))}"
            panels.append(Panel(panel, pair.title, scatter_figure(panel, pair, arrows)))
            rows += [row for arrow in arrows for row in _arrow_rows(panel, pair, arrow)]
    if not panels:
        reason = "It needs a case of objects and one of styles that some encoder was measured in."
        if pairs_of is seen_and_unseen:
            reason = "It needs a case with training models and one without, of the same kind of concept."
        return NotDrawn(name, title, reason)
    return Figure(name, title, text, tuple(panels), rows)


def _arrow_rows(panel: str, pair: CasePair, arrow: Arrow) -> list[dict[str, Any]]:
    ends = [("none", arrow.raw), (arrow.mapper, arrow.mapped), *arrow.others]
    return [
        {
            "panel": panel,
            "encoder": arrow.encoder,
            "mapper": mapper,
            "published": not arrow.measured,
            "metric": METRIC,
            "x_case": pair.x,
            "y_case": pair.y,
            "x": point[0],
            "y": point[1],
        }
        for mapper, point in ends
        if point is not None
    ]
