"""The plots of a report, in sections: what each shows and which cases are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .charts import bars_figure, scatter_figure
from .facts import Facts, Space
from .plot_data import Pairing, arrows, bar_groups, left_out, objects_and_styles, seen_and_unseen
from .text import case_text, space_text


@dataclass(frozen=True)
class Plot:
    """One panel. `name` is unique in a report and fit for a file."""

    name: str
    title: str
    note: str
    svg: str


@dataclass(frozen=True)
class PlotSection:
    """Panels that belong together, and what to say above and below them."""

    title: str
    text: str
    plots: tuple[Plot, ...]
    notes: tuple[str, ...] = ()


def plot_sections(facts: Facts) -> list[PlotSection]:
    """Figures 5, 6 and 16 of the paper, of what is measured, with what is published."""
    return [_objects_and_styles(facts), _raw_and_mapped(facts), _seen_and_unseen(facts)]


def _objects_and_styles(facts: Facts) -> PlotSection:
    text = (
        "Each arrow is an encoder, from its raw features to the mapped ones. Further right is better at"
        " finding the exemplar of an object, further up at finding those of a style. Points are means over"
        " the schemes of a case; axes need not start at 0."
    )
    plots, notes = _scatters(facts, "objects-styles", objects_and_styles)
    return PlotSection("Objects or styles", text, plots, notes)


def _seen_and_unseen(facts: Facts) -> PlotSection:
    text = (
        "What a mapper learned should hold for concepts that it has not seen. To the right is a case of the"
        " kind of concepts that mappers were trained on, upwards one of concepts that they never saw. An"
        " arrow that rises is a gain that carries over; on the dashed line both cases are equally hard."
    )
    plots, notes = _scatters(facts, "seen-unseen", seen_and_unseen)
    return PlotSection("Seen or unseen in training", text, plots, notes)


def _scatters(
    facts: Facts, slug: str, pair: Callable[[Facts, Iterable[str]], list[Pairing]]
) -> tuple[tuple[Plot, ...], tuple[str, ...]]:
    """A panel for each pair of cases, measured ones first; and what is left out."""
    mine = list(dict.fromkeys(place.case for _, place in sorted(facts.measured)))
    paper = [place.case for _, place in facts.published]
    pairings = pair(facts, dict.fromkeys([*mine, *paper]))
    pairings.sort(key=lambda pairing: not {pairing.x, pairing.y} <= set(mine))
    plots: list[Plot] = []
    drawn: set[str] = set()
    for pairing in pairings:
        if found := arrows(facts, pairing):
            drawn |= {pairing.x, pairing.y}
            name = f"{slug}-{len(plots) + 1}"
            ours = any(arrow.measured for arrow in found)
            gaps = left_out(facts, found) if ours else []
            note = "" if ours else "As published; not measured in this store."
            if gaps:
                note = f"Left out, not measured in all schemes of both cases: {', '.join(gaps)}."
            plots.append(Plot(name, pairing.title, note, scatter_figure(name, pairing, found)))
    rest = sorted(set(mine) - drawn)
    notes = (f"Cases without a counterpart, so not drawn here: {', '.join(rest)}.",) if rest else ()
    return tuple(plots), notes


def _raw_and_mapped(facts: Facts) -> PlotSection:
    spaces = [Space(name, mapper) for name in facts.encoders() if (mapper := facts.main_mapper(name))]
    text = (
        "Recall@10 is the share of a sample's exemplars that are among the ten most similar candidates. Lines"
        " are 95% intervals over models, diamonds what the paper publishes."
    )
    if spaces:
        names = ", ".join(space_text(space) for space in spaces)
        text += f" Mapped is by the paper's final mapper where it is there, else by the newest: {names}."
    plots: list[Plot] = []
    for case in _cases(facts):
        if groups := bar_groups(facts, case):
            name = f"raw-mapped-{len(plots) + 1}"
            note = "" if facts.measured else "As published; not measured in this store."
            plots.append(Plot(name, case_text(case), note, bars_figure(name, case, groups)))
    return PlotSection("Raw or mapped, case by case", text, tuple(plots))


def _cases(facts: Facts) -> Sequence[str]:
    """Measured cases, the paper's first; all of the paper's where nothing is measured."""
    mine = {place.case for _, place in facts.measured}
    paper = list(dict.fromkeys(place.case for _, place in facts.published))
    return [case for case in paper if case in mine or not mine] + sorted(mine - set(paper))
