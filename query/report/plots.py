"""The plots of a report, in sections: what each shows, and which cases are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .case_pairs import CasePair, objects_and_styles, seen_and_unseen
from .charts import bars_figure, scatter_figure
from .data import FeatureSpace, ReportData
from .plot_data import arrows_of, bar_groups, left_out
from .text import case_text, space_text

PUBLISHED_NOTE = "As published; not measured in this store."


@dataclass(frozen=True)
class Plot:
    """One panel. `name` is unique in a report and safe as a file name."""

    name: str
    title: str
    note: str
    svg: str


@dataclass(frozen=True)
class PlotSection:
    """Panels of one subject, with the text above and the notes below them."""

    title: str
    text: str
    plots: tuple[Plot, ...]
    notes: tuple[str, ...] = ()


def plot_sections(data: ReportData) -> list[PlotSection]:
    """Figures 5, 6 and 16 of the paper for the measured cases, with the published numbers."""
    return [_objects_and_styles(data), _raw_and_mapped(data), _seen_and_unseen(data)]


def _objects_and_styles(data: ReportData) -> PlotSection:
    text = (
        "Each arrow is an encoder, from its raw features to the mapped ones. Further right is better at"
        " finding the exemplar of an object, further up at finding those of a style. Points are means over"
        " the schemes of a case; axes do not always start at 0."
    )
    plots, notes = _scatters(data, "objects-styles", objects_and_styles)
    return PlotSection("Objects or styles", text, plots, notes)


def _seen_and_unseen(data: ReportData) -> PlotSection:
    text = (
        "A mapper should also help with concepts that it was not trained on. The horizontal axis is a case"
        " whose concepts the mappers were trained on, the vertical axis one whose concepts they were not. A"
        " rising arrow is a gain on unseen concepts; on the dashed line both cases are equally hard."
    )
    plots, notes = _scatters(data, "seen-unseen", seen_and_unseen)
    return PlotSection("Seen or unseen in training", text, plots, notes)


def _scatters(
    data: ReportData, slug: str, make_pairs: Callable[[ReportData, Iterable[str]], list[CasePair]]
) -> tuple[tuple[Plot, ...], tuple[str, ...]]:
    """A panel for each pair of cases, measured ones first; and a note on the cases that are in none."""
    mine = list(dict.fromkeys(case_scheme.case for _, case_scheme in sorted(data.measured)))
    paper = [case_scheme.case for _, case_scheme in data.published]
    pairs = make_pairs(data, dict.fromkeys([*mine, *paper]))
    pairs.sort(key=lambda pair: not {pair.x, pair.y} <= set(mine))
    plots: list[Plot] = []
    drawn: set[str] = set()
    for pair in pairs:
        if arrows := arrows_of(data, pair):
            drawn |= {pair.x, pair.y}
            name = f"{slug}-{len(plots) + 1}"
            note = PUBLISHED_NOTE
            if any(arrow.measured for arrow in arrows):
                gaps = ", ".join(left_out(data, arrows))
                note = f"Left out, not measured in all schemes of both cases: {gaps}." if gaps else ""
            plots.append(Plot(name, pair.title, note, scatter_figure(name, pair, arrows)))
    rest = sorted(set(mine) - drawn)
    notes = (f"Cases without a counterpart, so not drawn here: {', '.join(rest)}.",) if rest else ()
    return tuple(plots), notes


def _raw_and_mapped(data: ReportData) -> PlotSection:
    text = (
        "Recall@10 is the share of a sample's exemplars that are among the ten most similar candidates. Lines"
        " are 95% intervals over models, diamonds the published numbers."
    )
    mappers = {encoder: data.main_mapper(encoder) for encoder in data.encoders()}
    spaces = [FeatureSpace(encoder, mapper) for encoder, mapper in mappers.items() if mapper]
    if spaces:
        names = ", ".join(space_text(space) for space in spaces)
        text += f" Mapped features use the paper's final mapper where there is one, else the newest: {names}."
    plots: list[Plot] = []
    for case in _cases(data):
        if groups := bar_groups(data, case):
            name = f"raw-mapped-{len(plots) + 1}"
            note = "" if data.measured else PUBLISHED_NOTE
            plots.append(Plot(name, case_text(case), note, bars_figure(name, case, groups)))
    return PlotSection("Raw or mapped, case by case", text, tuple(plots))


def _cases(data: ReportData) -> Sequence[str]:
    """Measured cases, the paper's first; all of the paper's where nothing is measured."""
    mine = {case_scheme.case for _, case_scheme in data.measured}
    paper = list(dict.fromkeys(case_scheme.case for _, case_scheme in data.published))
    return [case for case in paper if case in mine or not mine] + sorted(mine - set(paper))
