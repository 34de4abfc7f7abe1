"""Figure 6: raw and mapped features in each case, in-domain beside out-of-domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...query.report.case_pairs import domain_of_case
from ...query.report.charts import bars_figure
from ...query.report.plot_data import METRIC, Bar, BarGroup, bar_groups
from ...query.report.text import case_text
from .data import StudyData
from .figure import Figure, NotDrawn, Panel

NAME, TITLE = "figure-6", "Figure 6. In-domain against out-of-domain"
TEXT = (
    "The pale bar is raw features, the full one below it the mapped ones, for each encoder and scheme of "
    "prompts. Panels on the left are cases whose concepts mappers learned from, those on the right cases "
    "that they have not seen. Recall@10 is the share of a sample's exemplars that are among the ten most "
    "similar candidates; lines are 95% intervals over models."
)
DOMAINS = {True: "in-domain", False: "out-of-domain", None: "unknown domain"}


def in_and_out_of_domain(study: StudyData) -> Figure | NotDrawn:
    """A panel for each case, by kind and then by domain."""
    panels: list[Panel] = []
    rows: list[dict[str, Any]] = []
    found = {case: bar_groups(study.data, case) for case in study.cases}
    for case in sorted(study.cases, key=lambda one: _order(study, one)):
        if groups := found[case]:
            same = [other for other in found if _order(study, other)[0] == _order(study, case)[0]]
            most = max(_most(found[other]) for other in same)
            panel = f"{NAME}{chr(ord('a') + len(panels))}"
            domain = domain_of_case(study.data, case)
            title = f"{case_text(case)}: {DOMAINS[domain.seen if domain else None]}"
            panels.append(Panel(panel, title, bars_figure(panel, case, groups, most)))
            rows += [row for group in groups for row in _bar_rows(panel, case, group)]
    if not panels:
        return NotDrawn(NAME, TITLE, "No case of the study was measured.")
    return Figure(NAME, TITLE, TEXT, tuple(panels), rows)


def _most(groups: Sequence[BarGroup]) -> float:
    """The furthest end of a bar, so that cases of one kind have the same axis."""
    return max((bar.end() for group in groups for bar in (group.raw, group.mapped) if bar), default=0.0)


def _order(study: StudyData, case: str) -> tuple[str, bool, str]:
    domain = domain_of_case(study.data, case)
    return (domain.kind, domain.seen is not True, case) if domain else ("~", True, case)


def _bar_rows(panel: str, case: str, group: BarGroup) -> list[dict[str, Any]]:
    return [_bar_row(panel, case, group.scheme, bar) for bar in (group.raw, group.mapped) if bar]


def _bar_row(panel: str, case: str, scheme: str, bar: Bar) -> dict[str, Any]:
    return {
        "panel": panel,
        "case_name": case,
        "scheme": scheme,
        "encoder": bar.space.encoder,
        "mapper": bar.space.mapper,
        "metric": METRIC,
        "value": bar.score and bar.score.value,
        "low": bar.score and bar.score.low,
        "high": bar.score and bar.score.high,
        "published": bar.published,
    }
