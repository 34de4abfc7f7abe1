"""The answers: which features are best where, what mappers change, how it stands to the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...runtime.mapper import RAW
from .facts import METRICS, Facts, Place, Score, Space
from .tables import OUTSIDE, SAME, WITHIN, Cell, against_published
from .text import place_text, signed, space_text


@dataclass(frozen=True)
class Agreement:
    """How the measured numbers stand to the published ones, counted."""

    same: int
    within: int
    outside: int
    furthest: str
    """The number that is furthest off, in words; empty where all are the same."""

    @property
    def compared(self) -> int:
        """How many numbers have both."""
        return self.same + self.within + self.outside


@dataclass(frozen=True)
class Best:
    """The feature space that finds most exemplars in the top ten of a place, and what comes next."""

    place: Place
    space: Space
    score: Score
    second: Space | None = None
    second_score: Score | None = None


@dataclass(frozen=True)
class GainRow:
    """What a mapper adds to raw features in one place; `main`: the one that stands for its encoder.

    `cells` are for Recall@10 and then for mAP: the raw mean, the mapped one, the difference.
    """

    space: Space
    place: Place
    main: bool
    cells: tuple[tuple[Cell, Cell, Cell], ...]


def agreement(facts: Facts) -> Agreement:
    """Count every measured number that has a published one."""
    counts = {SAME: 0, WITHIN: 0, OUTSIDE: 0}
    furthest: tuple[float, str] = (0.0, "")
    for (space, place), cell in facts.measured.items():
        known = facts.published_as(space)
        for metric, published in (facts.published.get((known, place), {}) if known else {}).items():
            score = cell.scores[metric]
            counts[against_published(score, published).mark] += 1
            if not score.agrees(published) and abs(score.value - published) > furthest[0]:
                where = f"{space_text(space)}, {place_text(place)}, {METRICS[metric]}"
                told = f"{score.value:.3f} where {published:.3f} is published ({where})"
                furthest = (abs(score.value - published), told)
    return Agreement(counts[SAME], counts[WITHIN], counts[OUTSIDE], furthest[1])


def best_spaces(facts: Facts) -> list[Best]:
    """Best and second by Recall@10 for each place; where they tie, the one that tables show first."""
    found = []
    for place in facts.places():
        spaces = [space for space in facts.ordered_spaces() if (space, place) in facts.measured]
        scored = [(space, facts.measured[space, place].scores["recall_10"]) for space in spaces]
        scored.sort(key=lambda item: -item[1].value)
        second = scored[1] if len(scored) > 1 else (None, None)
        found.append(Best(place, *scored[0], *second))
    return found


def gain_rows(facts: Facts) -> list[GainRow]:
    """A row for each mapper and place, main mappers and others alike, in the order of the tables."""
    found: dict[tuple[Place, Space], dict[str, dict[str, Any]]] = {}
    for row in facts.gains:
        key = Place(row["case_name"] or "", row["scheme"]), Space(row["encoder"], row["mapper"])
        found.setdefault(key, {})[row["metric"]] = row
    places = {place: number for number, place in enumerate(facts.places())}
    spaces = {space: number for number, space in enumerate(facts.ordered_spaces())}
    rows = []
    for place, space in sorted(found, key=lambda key: (places.get(key[0], 0), spaces.get(key[1], 0), key)):
        pair = found[place, space]
        metrics = [pair[metric] for metric in ("recall_10", "ap") if metric in pair]
        main = space.mapper == facts.main_mapper(space.encoder)
        rows.append(GainRow(space, place, main, tuple(_gain_cells(row) for row in metrics)))
    return rows


def _gain_cells(row: dict[str, Any]) -> tuple[Cell, Cell, Cell]:
    low, high = row["low"], row["high"]
    sure = low is not None and high is not None
    mark = "" if not sure or low <= 0 <= high else "up" if low > 0 else "down"
    under = f"{signed(low)} to {signed(high)}" if sure else ""
    return Cell(row["raw"]), Cell(row["mapped"]), Cell(row["difference"], under, mark=mark)


def sentences(facts: Facts, gains: Sequence[GainRow]) -> list[str]:
    """The answers, one sentence each."""
    found = [_about_mapping(facts, gains), _about_paper(facts), _extremes(facts)]
    return [sentence for sentence in found if sentence]


def _about_mapping(facts: Facts, gains: Sequence[GainRow]) -> str:
    """In how many comparisons by Recall@10 the main mappers are clearly above or below raw features."""
    marks = [row.cells[0][2].mark for row in gains if row.main]
    if not marks:
        only = facts.measured and all(space.mapper == RAW for space, _ in facts.measured)
        return "Only raw features were measured; no mapper is compared." if only else ""
    return (
        f"Mapping raises Recall@10 in {marks.count('up')} of {len(marks)} comparisons with raw features on"
        f" the same samples and lowers it in {marks.count('down') or 'none'}, counting differences whose 95%"
        " interval leaves out zero."
    )


def _about_paper(facts: Facts) -> str:
    found = agreement(facts)
    if not found.compared:
        return ""
    if not found.furthest:
        return f"All {found.compared:,} numbers that the paper has too are the same to three decimals."
    return (
        f"Of {found.compared:,} numbers that the paper has too, {found.same:,} are the same to three"
        f" decimals; {found.within:,} more have the published one in their interval, {found.outside:,} have"
        f" not. Furthest off: {found.furthest}."
    )


def _extremes(facts: Facts) -> str:
    """Where exemplars are found best and worst, by the best feature space of each place."""
    best = sorted(best_spaces(facts), key=lambda one: one.score.value)
    if len(best) < 2:
        return ""
    told = [
        f"{place_text(one.place)} ({one.score.value:.3f}, {space_text(one.space)})"
        for one in (best[-1], best[0])
    ]
    return (
        f"By the best features of each, exemplars are easiest to find in {told[0]} and hardest in {told[1]}."
    )
