"""Tables of a report, free of any format: the page and the Markdown file show the same cells."""

from __future__ import annotations

from dataclasses import dataclass

from ...runtime.mapper import RAW
from .facts import MAIN, METRICS, Facts, Measured, Place, Score, Space
from .text import counted, mapper_text, short_interval, signed

SAME, WITHIN, OUTSIDE = "same", "within", "outside"
"""How a measured number stands to the published one: same to three decimals, inside our interval, or not."""


@dataclass(frozen=True)
class Cell:
    """A number with three decimals and what stands under it; `value` is in full, None when missing."""

    value: float | None
    under: str = ""
    best: bool = False
    mark: str = ""

    @property
    def text(self) -> str:
        """The number as it is shown."""
        return "–" if self.value is None else f"{self.value:.3f}"


@dataclass(frozen=True)
class Row:
    """A line of a place's table. `published`: the paper's numbers, not ours."""

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


@dataclass(frozen=True)
class PublishedTable:
    """One of the paper's tables: its columns by case and scheme, and all its rows."""

    source: str
    places: tuple[Place, ...]
    rows: tuple[tuple[Space, tuple[Cell, ...]], ...]


def place_tables(facts: Facts) -> list[PlaceTable]:
    """A table for each place that anything is measured in, ordered by case and scheme."""
    return [_place_table(facts, place) for place in facts.places()]


def _place_table(facts: Facts, place: Place) -> PlaceTable:
    mine = {space: cell for (space, where), cell in facts.measured.items() if where == place}
    best = {metric: max(cell.scores[metric].value for cell in mine.values()) for metric in METRICS}
    counts = {(cell.samples, cell.models) for cell in mine.values()}
    groups = []
    for encoder in _encoders(facts, place):
        rows: list[Row] = []
        for space in (Space(encoder, mapper) for mapper in facts.mappers(encoder)):
            if cell := mine.get(space):
                rows += _rows(facts, space, place, cell, best, told=len(counts) == 1)
        rows += _published_only(facts, encoder, place)
        if rows:
            groups.append((encoder, tuple(rows)))
    samples = (
        counted(*next(iter(counts))) if len(counts) == 1 else "not the same samples for all, see the rows"
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
    scores = [(metric, cell.scores[metric]) for metric in METRICS]
    cells = tuple(
        Cell(score.value, short_interval(score), best=score.value == best[metric]) for metric, score in scores
    )
    note = "" if told else counted(cell.samples, cell.models)
    rows = [Row(mapper_text(space.mapper), cells, note=note)]
    known = facts.published_as(space)
    if known and (published := facts.published.get((known, place))):
        name = "published" if known == space else f"published as {known.mapper}"
        against = tuple(against_published(score, published[metric]) for metric, score in scores)
        rows.append(Row(name, against, published=True))
    return rows


def _published_only(facts: Facts, encoder: str, place: Place) -> list[Row]:
    """The paper's raw and final features that are not measured in this place."""
    ours = {facts.published_as(space) for space, where in facts.measured if where == place}
    rows = []
    for space in (Space(encoder, RAW), Space(encoder, MAIN)):
        if space not in ours and (published := facts.published.get((space, place))):
            cells = tuple(Cell(published[metric]) for metric in METRICS)
            rows.append(Row(mapper_text(space.mapper), cells, published=True, note="published only"))
    return rows


def against_published(score: Score, published: float) -> Cell:
    """A published number, with how far ours is above it; nothing under it where they are the same."""
    if score.agrees(published):
        return Cell(published, mark=SAME)
    mark = WITHIN if score.holds(published) else OUTSIDE
    return Cell(published, signed(score.value - published), mark=mark)


def published_tables(facts: Facts) -> list[PublishedTable]:
    """Every published number, in the layout of Tables 3 and 4."""
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
