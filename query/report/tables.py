"""Tables of a report, free of any format: the page and the Markdown file show the same cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..features import RAW
from .facts import MAIN, METRICS, Facts, Measured, Place, Score, Space

SAME, WITHIN, OUTSIDE = "same", "within", "outside"
"""How a measured figure stands to the published one: same to three decimals, inside our interval, or not."""


@dataclass(frozen=True)
class Cell:
    """A figure with three decimals and what stands under it; `value` is the full figure, None when missing."""

    value: float | None
    under: str = ""
    best: bool = False
    mark: str = ""

    @property
    def text(self) -> str:
        """The figure as it is shown."""
        return "–" if self.value is None else f"{self.value:.3f}"


@dataclass(frozen=True)
class Row:
    """A line of a place's table. `published`: the paper's figures, not ours."""

    name: str
    cells: tuple[Cell, ...]
    published: bool = False
    note: str = ""


@dataclass(frozen=True)
class PlaceTable:
    """What is measured and published in one place, encoder by encoder."""

    place: Place
    samples: str
    groups: tuple[tuple[str, tuple[Row, ...]], ...]


def place_tables(facts: Facts) -> list[PlaceTable]:
    """A table for each place that anything is measured in, ordered by case and scheme."""
    return [_place_table(facts, place) for place in _places(facts)]


def _places(facts: Facts) -> list[Place]:
    """Measured places: the paper's cases in its order, then the others by name."""
    paper = list(dict.fromkeys(place for _, place in facts.published))
    mine = {place for _, place in facts.measured}
    return [place for place in paper if place in mine] + sorted(mine - set(paper))


def _place_table(facts: Facts, place: Place) -> PlaceTable:
    mine = {space: cell for (space, where), cell in facts.measured.items() if where == place}
    best = {metric: max(cell.scores[metric].value for cell in mine.values()) for metric in METRICS}
    counts = {(cell.samples, cell.models) for cell in mine.values()}
    groups = []
    for encoder in _encoders(facts, place):
        rows: list[Row] = []
        for mapper in facts.mappers(encoder):
            if cell := mine.get(Space(encoder, mapper)):
                rows += _rows(facts, Space(encoder, mapper), place, cell, best, told=len(counts) == 1)
        rows += _published_only(
            facts, encoder, place, {Space(encoder, name) for name in facts.mappers(encoder)}
        )
        if rows:
            groups.append((encoder, tuple(rows)))
    samples = (
        _counted(*next(iter(counts))) if len(counts) == 1 else "not the same samples for all, see each row"
    )
    return PlaceTable(place, samples, tuple(groups))


def _encoders(facts: Facts, place: Place) -> list[str]:
    """Encoders of a table: the measured ones, then those that only the paper has."""
    mine = facts.encoders()
    paper = dict.fromkeys(space.encoder for space, where in facts.published if where == place)
    return mine + [name for name in paper if name not in mine]


def _rows(
    facts: Facts, space: Space, place: Place, cell: Measured, best: dict[str, float], *, told: bool
) -> list[Row]:
    """A measured row and, where the paper has one, the published row under it."""
    cells = tuple(
        Cell(score.value, interval_text(score), best=score.value == best[metric])
        for metric, score in ((metric, cell.scores[metric]) for metric in METRICS)
    )
    rows = [Row(mapper_text(space.mapper), cells, note="" if told else _counted(cell.samples, cell.models))]
    known = facts.published_as(space)
    if known and (published := facts.published.get((known, place))):
        name = "published" + ("" if known == space else f" as {known.mapper}")
        rows.append(Row(name, tuple(_against(cell.scores[m], published[m]) for m in METRICS), published=True))
    return rows


def _published_only(facts: Facts, encoder: str, place: Place, mine: set[Space]) -> list[Row]:
    """The paper's raw and final features that are not measured in this place."""
    there = {facts.published_as(space) for space in mine if (space, place) in facts.measured}
    rows = []
    for mapper in (RAW, MAIN):
        space = Space(encoder, mapper)
        if space not in there and (published := facts.published.get((space, place))):
            cells = tuple(Cell(published[metric]) for metric in METRICS)
            rows.append(Row(mapper_text(mapper), cells, published=True, note="published, not measured"))
    return rows


def _against(score: Score, published: float) -> Cell:
    """A published figure, with how far ours is above it."""
    if score.agrees(published):
        return Cell(published, "=", mark=SAME)
    mark = WITHIN if score.holds(published) else OUTSIDE
    return Cell(published, f"{signed(score.value - published)}", mark=mark)


def mapper_text(mapper: str) -> str:
    """What a table calls a mapper."""
    return "raw" if mapper == RAW else mapper


def space_text(space: Space) -> str:
    """What running text calls a feature space."""
    return f"{space.encoder} {mapper_text(space.mapper)}"


def place_text(place: Place) -> str:
    """What running text calls a place."""
    return f"{place.case or 'no case'}, {place.scheme}" if place.scheme else place.case or "no case"


def interval_text(score: Score) -> str:
    """The 95% interval, or nothing."""
    if score.low is None or score.high is None:
        return ""
    return f"{score.low:.3f}–{score.high:.3f}"


def signed(value: float) -> str:
    """A difference with its sign and three decimals."""
    return f"{value:+.3f}".replace("-", "−")


def _counted(samples: int, models: int | None) -> str:
    return f"{samples:,} samples" + (f" of {models:,} models" if models else "")


@dataclass(frozen=True)
class Agreement:
    """How the measured figures stand to the published ones, counted."""

    same: int
    within: int
    outside: int
    furthest: str
    """The figure that is furthest off, in words; empty where all are the same."""

    @property
    def compared(self) -> int:
        """How many figures have both."""
        return self.same + self.within + self.outside


def agreement(facts: Facts) -> Agreement:
    """Count every measured figure that has a published one."""
    counts = {SAME: 0, WITHIN: 0, OUTSIDE: 0}
    furthest: tuple[float, str] = (0.0, "")
    for (space, place), cell in facts.measured.items():
        known = facts.published_as(space)
        for metric, published in (facts.published.get((known, place), {}) if known else {}).items():
            score = cell.scores[metric]
            counts[_against(score, published).mark] += 1
            if not score.agrees(published) and abs(score.value - published) > furthest[0]:
                where = f"{space_text(space)}, {place_text(place)}, {METRICS[metric]}"
                told = f"{score.value:.3f} where {published:.3f} is published ({where})"
                furthest = (abs(score.value - published), told)
    return Agreement(counts[SAME], counts[WITHIN], counts[OUTSIDE], furthest[1])


@dataclass(frozen=True)
class Best:
    """The feature space that finds most exemplars in the top ten of a place, and what comes next."""

    place: Place
    space: Space
    score: Score
    second: Space | None
    second_score: Score | None


def best_spaces(facts: Facts) -> list[Best]:
    """Best and second by Recall@10 for each place; the earlier in the table's order where they tie."""
    order = [Space(encoder, mapper) for encoder in facts.encoders() for mapper in facts.mappers(encoder)]
    found = []
    for place in _places(facts):
        mine = [
            (space, facts.measured[space, place].scores["recall_10"])
            for space in order
            if (space, place) in facts.measured
        ]
        mine.sort(key=lambda item: -item[1].value)
        second = mine[1] if len(mine) > 1 else (None, None)
        found.append(Best(place, *mine[0], *second))
    return found


@dataclass(frozen=True)
class PublishedTable:
    """One of the paper's tables: its columns by case and scheme, and all its rows."""

    source: str
    places: tuple[Place, ...]
    rows: tuple[tuple[Space, tuple[Cell, ...]], ...]


def published_tables(facts: Facts) -> list[PublishedTable]:
    """Every published figure, in the layout of Tables 3 and 4."""
    found = []
    for source, cases in facts.sources.items():
        mine = {key: row for key, row in facts.published.items() if key[1].case in cases}
        places = tuple(dict.fromkeys(place for _, place in mine))
        rows = tuple(
            (space, tuple(_cell(mine.get((space, place)), metric) for place in places for metric in METRICS))
            for space in dict.fromkeys(space for space, _ in mine)
        )
        found.append(PublishedTable(source, places, rows))
    return found


def _cell(row: dict[str, float] | None, metric: str) -> Cell:
    return Cell(row[metric] if row else None)


@dataclass(frozen=True)
class GainRow:
    """What a mapper adds to raw features in one place: Recall@10 and mAP, each with an interval."""

    space: Space
    place: Place
    samples: str
    cells: tuple[tuple[Cell, ...], ...]


def gain_rows(facts: Facts) -> list[GainRow]:
    """A row for each mapper and place: for Recall@10 and for mAP the raw mean, the mapped one, the difference."""
    found: dict[tuple[Space, Place], dict[str, dict[str, float]]] = {}
    for row in facts.gains:
        key = Space(row["encoder"], row["mapper"]), Place(row["case_name"] or "", row["scheme"])
        found.setdefault(key, {})[row["metric"]] = row
    order = {place: number for number, place in enumerate(_places(facts))}
    rows = []
    for space, place in sorted(found, key=lambda key: (order.get(key[1], len(order)), key[1], key[0])):
        pair = found[space, place]
        cells = tuple(_gain_cells(pair[metric]) for metric in ("recall_10", "ap") if metric in pair)
        first = next(iter(pair.values()))
        rows.append(GainRow(space, place, _counted(int(first["samples"]), int(first["models"])), cells))
    return rows


def _gain_cells(row: dict[str, float]) -> tuple[Cell, ...]:
    low, high = row["low"], row["high"]
    sure = low is not None and high is not None
    mark = "" if not sure or low <= 0 <= high else "up" if low > 0 else "down"
    under = f"{signed(low)} to {signed(high)}" if sure else ""
    return Cell(row["raw"]), Cell(row["mapped"]), Cell(row["difference"], under, mark=mark)


def clear_gains(facts: Facts, mappers: Sequence[Space]) -> tuple[int, int, int]:
    """Of the Recall@10 differences of `mappers`: clearly above zero, clearly below, and all there are."""
    marks = [row.cells[0][2].mark for row in gain_rows(facts) if row.space in mappers and row.cells]
    return marks.count("up"), marks.count("down"), len(marks)
