"""What a report says, before it is a page or a Markdown file."""

from __future__ import annotations

from dataclasses import dataclass

from ..features import RAW
from .facts import Facts, Space
from .missing import missing
from .plots import PlotSection, plot_sections
from .provenance import SpaceOrigin, origins, splits_text
from .tables import (
    Agreement,
    Best,
    GainRow,
    PlaceTable,
    PublishedTable,
    agreement,
    best_spaces,
    clear_gains,
    gain_rows,
    interval_text,
    place_tables,
    place_text,
    published_tables,
    space_text,
)


@dataclass(frozen=True)
class Content:
    """All parts of a report, in reading order."""

    store: str
    title: str
    lead: str
    tiles: tuple[tuple[str, str], ...]
    findings: tuple[str, ...]
    best: tuple[Best, ...]
    agreement: Agreement
    plots: tuple[PlotSection, ...]
    tables: tuple[PlaceTable, ...]
    gains: tuple[GainRow, ...]
    published: tuple[PublishedTable, ...]
    missing: tuple[str, ...]
    splits: str
    origins: tuple[SpaceOrigin, ...]
    versions: tuple[tuple[str, int], ...]
    """The store's tables as they were read."""


def compose(facts: Facts, store: str, versions: dict[str, int]) -> Content:
    """Everything that a report on `facts` says; `store` is what it is called."""
    return Content(
        store=store,
        title="Which features find the exemplars?",
        lead=_lead(facts),
        tiles=_tiles(facts),
        findings=_findings(facts),
        best=tuple(best_spaces(facts)),
        agreement=agreement(facts),
        plots=tuple(plot_sections(facts)),
        tables=tuple(place_tables(facts)),
        gains=tuple(gain_rows(facts)),
        published=tuple(published_tables(facts)),
        missing=tuple(missing(facts)),
        splits=splits_text(facts) if facts.measured else "",
        origins=tuple(origins(facts)),
        versions=tuple(sorted(versions.items())),
    )


def _lead(facts: Facts) -> str:
    if not facts.measured:
        return (
            "Nothing has been measured in this store yet. What follows are the figures that the paper publishes, to"
            " compare with later."
        )
    return (
        "Generators were customized on known images, the exemplars, and drew new pictures. A feature space is good"
        " at attribution if it ranks those exemplars above everything else that the generator was trained on."
    )


def _tiles(facts: Facts) -> tuple[tuple[str, str], ...]:
    counts = facts.counts
    spaces = {space for space, _ in facts.measured}
    asked = {place: max(_samples(facts, place)) for place in {place for _, place in facts.measured}}
    tiles = [
        (f"{counts['gallery']:,}", "images in the gallery"),
        (f"{counts['customized']:,}", "customized models"),
        (f"{sum(asked.values()):,}", f"samples asked about ({facts.split or 'all'})"),
        (f"{len(spaces):,}", f"feature spaces, of {_plural(len(facts.encoders()), 'encoder')}"),
    ]
    compared = agreement(facts)
    if compared.compared:
        tiles.append((f"{compared.same} of {compared.compared}", "published figures met to three decimals"))
    return tuple(tiles)


def _samples(facts: Facts, place: object) -> list[int]:
    return [cell.samples for (_, where), cell in facts.measured.items() if where == place]


def _findings(facts: Facts) -> tuple[str, ...]:
    """The answers, one sentence each."""
    found = [_about_mapping(facts), _about_paper(facts), *_extremes(facts)]
    return tuple(sentence for sentence in found if sentence)


def _extremes(facts: Facts) -> list[str]:
    """Where exemplars are found best and worst, by the best feature space of each place."""
    best = sorted(best_spaces(facts), key=lambda one: one.score.value)
    if len(best) < 2:
        return []
    told = [
        f"{place_text(one.place)} ({one.score.value:.3f} by {space_text(one.space)})"
        for one in (best[-1], best[0])
    ]
    return [f"Recall@10 is highest in {told[0]} and lowest in {told[1]}, each by its best feature space."]


def _about_mapping(facts: Facts) -> str:
    mains = [Space(name, mapper) for name in facts.encoders() if (mapper := facts.main_mapper(name))]
    up, down, total = clear_gains(facts, mains)
    if not total:
        only = all(space.mapper == RAW for space, _ in facts.measured)
        return "Only raw features were measured; no mapper is compared." if facts.measured and only else ""
    return (
        f"Mapping raises Recall@10 clearly (by its 95% interval) in {up} of {total} comparisons with raw features on"
        f" the same samples, and lowers it clearly in {down}."
    )


def _about_paper(facts: Facts) -> str:
    found = agreement(facts)
    if not found.compared:
        return ""
    if not found.furthest:
        return f"All {found.compared} figures that the paper has too are the same to three decimals."
    return (
        f"Of {found.compared} figures that the paper has too, {found.same} are the same to three decimals,"
        f" {found.within} more hold the published one in their interval, {found.outside} do not. Furthest off:"
        f" {found.furthest}."
    )


def _plural(count: int, name: str) -> str:
    return f"{count:,} {name}" + ("" if count == 1 else "s")


def best_text(best: Best) -> tuple[str, str, str]:
    """Best feature space, its Recall@10 with the interval, and the second with its own."""
    sure = interval_text(best.score)
    first = f"{best.score.value:.3f}" + (f" ({sure})" if sure else "")
    second = (
        f"{space_text(best.second)} {best.second_score.value:.3f}"
        if best.second and best.second_score
        else "–"
    )
    return space_text(best.space), first, second
