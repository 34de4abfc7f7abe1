"""The content of a report, before it is a page or a Markdown file."""

from __future__ import annotations

from dataclasses import dataclass

from .data import CaseScheme, ReportData
from .findings import BestSpace, GainRow, best_spaces, count_agreement, finding_sentences, gain_rows
from .missing import missing_sentences
from .plots import PlotSection, plot_sections
from .provenance import SpaceProvenance, space_provenances, splits_text
from .tables import CaseSchemeTable, PublishedTable, case_scheme_tables, published_tables
from .text import plural

TITLE = "Which features find the exemplars?"
LEAD = (
    "Generators were customized on known images, the exemplars, and sampled. Features are good at attribution"
    " if they rank a sample's exemplars above everything else that its generator was trained on."
)
NOTHING = (
    "Nothing has been measured in this store yet. The paper's numbers follow, for comparison with later ones."
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
    """All parts of a report, in reading order.

    Attributes:
        store: its name.
        tiles: numbers with their names, for the head.
        versions: of the store's tables as they were read.
    """

    store: str
    lead: str
    tiles: tuple[tuple[str, str], ...]
    findings: tuple[str, ...]
    best: tuple[BestSpace, ...]
    plots: tuple[PlotSection, ...]
    tables: tuple[CaseSchemeTable, ...]
    gains: tuple[GainRow, ...]
    published: tuple[PublishedTable, ...]
    missing: tuple[str, ...]
    splits: str
    provenances: tuple[SpaceProvenance, ...]
    versions: tuple[tuple[str, int], ...]
    title: str = TITLE
    method: str = METHOD


def compose(data: ReportData, store: str, versions: dict[str, int]) -> Content:
    """The content of a report on `data`, read at `versions` from the store named `store`."""
    gains = tuple(gain_rows(data))
    return Content(
        store=store,
        lead=LEAD if data.measured else NOTHING,
        tiles=_tiles(data),
        findings=tuple(finding_sentences(data, gains)),
        best=tuple(best_spaces(data)),
        plots=tuple(plot_sections(data)),
        tables=tuple(case_scheme_tables(data)),
        gains=gains,
        published=tuple(published_tables(data)),
        missing=tuple(missing_sentences(data)),
        splits=splits_text(data) if data.measured else "",
        provenances=tuple(space_provenances(data)),
        versions=tuple(sorted(versions.items())),
    )


def _tiles(data: ReportData) -> tuple[tuple[str, str], ...]:
    """The size of the measurement: numbers with their names."""
    counts, agreement = data.counts, count_agreement(data)
    samples = sum(_samples(data, case_scheme) for case_scheme in data.case_schemes())
    tiles = [
        (f"{counts['gallery']:,}", "images in the gallery"),
        (f"{counts['customized']:,}", "customized models"),
        (f"{samples:,}", f"evaluated samples ({data.split or 'all'})"),
        (f"{len(data.ordered_spaces()):,}", f"feature spaces of {plural(len(data.encoders()), 'encoder')}"),
    ]
    if agreement.compared:
        tiles.append(
            (
                f"{agreement.same:,} of {agreement.compared:,}",
                "published numbers equal to three decimals",
            )
        )
    return tuple(tiles)


def _samples(data: ReportData, case_scheme: CaseScheme) -> int:
    return max(one.samples for (_, key), one in data.measured.items() if key == case_scheme)
