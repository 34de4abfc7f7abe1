"""What a report says, before it is a page or a Markdown file."""

from __future__ import annotations

from dataclasses import dataclass

from .facts import Facts, Place
from .findings import Best, GainRow, agreement, best_spaces, gain_rows, sentences
from .plots import PlotSection, plot_sections
from .tables import PlaceTable, PublishedTable, place_tables, published_tables
from .text import SpaceOrigin, interval_text, missing, origins, plural, space_text, splits_text

TITLE = "Which features find the exemplars?"
LEAD = (
    "Generators were customized on known images, the exemplars, and drew new pictures. Features are good at"
    " attribution if they rank those exemplars above everything else that the generator was trained on."
)
NOTHING = (
    "Nothing has been measured in this store yet. What follows is what the paper publishes, to compare with"
    " later."
)
METHOD = (
    "Metrics follow “Evaluating Data Attribution for Text-to-Image Models”, ICCV 2023, arXiv:2306.09345,"
    " section 5: a sample's exemplars are ranked among the whole gallery and its own model's exemplars;"
    " ties count against the exemplar; numbers are means over samples. R@K (Recall@K) is the share of the"
    " exemplars among the K most similar, mAP the mean average precision. Intervals are 95% bootstrap"
    " intervals that resample models, because samples of one model are not independent."
)


@dataclass(frozen=True)
class Content:
    """All parts of a report, in reading order."""

    store: str
    lead: str
    tiles: tuple[tuple[str, str], ...]
    findings: tuple[str, ...]
    best: tuple[Best, ...]
    plots: tuple[PlotSection, ...]
    tables: tuple[PlaceTable, ...]
    gains: tuple[GainRow, ...]
    published: tuple[PublishedTable, ...]
    missing: tuple[str, ...]
    splits: str
    origins: tuple[SpaceOrigin, ...]
    versions: tuple[tuple[str, int], ...]
    """The store's tables as they were read."""
    title: str = TITLE
    method: str = METHOD


def compose(facts: Facts, store: str, versions: dict[str, int]) -> Content:
    """Everything that a report on `facts` says; `store` is what it is called."""
    gains = tuple(gain_rows(facts))
    return Content(
        store=store,
        lead=LEAD if facts.measured else NOTHING,
        tiles=_tiles(facts),
        findings=tuple(sentences(facts, gains)),
        best=tuple(best_spaces(facts)),
        plots=tuple(plot_sections(facts)),
        tables=tuple(place_tables(facts)),
        gains=gains,
        published=tuple(published_tables(facts)),
        missing=tuple(missing(facts)),
        splits=splits_text(facts) if facts.measured else "",
        origins=tuple(origins(facts)),
        versions=tuple(sorted(versions.items())),
    )


def _tiles(facts: Facts) -> tuple[tuple[str, str], ...]:
    """What a reader wants to know of the size of it all: a number and its name."""
    counts, spaces = facts.counts, facts.ordered_spaces()
    asked = sum(_samples(facts, place) for place in facts.places())
    tiles = [
        (f"{counts['gallery']:,}", "images in the gallery"),
        (f"{counts['customized']:,}", "customized models"),
        (f"{asked:,}", f"samples asked about ({facts.split or 'all'})"),
        (f"{len(spaces):,}", f"feature spaces of {plural(len(facts.encoders()), 'encoder')}"),
    ]
    compared = agreement(facts)
    if compared.compared:
        tiles.append(
            (f"{compared.same:,} of {compared.compared:,}", "published numbers met to three decimals")
        )
    return tuple(tiles)


def _samples(facts: Facts, place: Place) -> int:
    return max(cell.samples for (_, where), cell in facts.measured.items() if where == place)


def best_text(best: Best) -> tuple[str, str, str, str]:
    """Best features, their Recall@10, its interval, and the second with theirs."""
    second = "–"
    if best.second is not None and best.second_score is not None:
        second = f"{space_text(best.second)} {best.second_score.value:.3f}"
    return space_text(best.space), f"{best.score.value:.3f}", interval_text(best.score), second
