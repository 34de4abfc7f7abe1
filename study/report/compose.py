"""The content of a study's report, before it is files."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from ...store import Step
from ..folder import StudyRecord
from .ablations import ablations
from .calibrated import influence_by_rank, influence_of_one
from .data import StudyData
from .directions import Direction, directions
from .domains import in_and_out_of_domain
from .figure import Figure, NotDrawn
from .number_tables import NoTable, NumberTable, check_table, differences_that_hold, labelled_retrieval
from .pages import Page, further_pages
from .paper_tables import PaperTable, paper_tables
from .qualitative import best_and_weakest_models, median_models, more_outside_pictures, outside_pictures
from .scatters import objects_or_styles, seen_or_unseen
from .sets import correlation_with_sets

STAGE = "report"

FIGURES: tuple[Callable[[StudyData], Figure | NotDrawn], ...] = (
    influence_of_one,
    objects_or_styles,
    in_and_out_of_domain,
    ablations,
    median_models,
    outside_pictures,
    correlation_with_sets,
    influence_by_rank,
    more_outside_pictures,
    best_and_weakest_models,
    seen_or_unseen,
)
"""What draws each figure, in the order of their numbers."""


@dataclass(frozen=True)
class Report:
    """All parts of a report, in reading order.

    `metric`: what figures and directions show. `pictures`: thumbnails by their path in the folder.
    """

    record: StudyRecord
    metric: str
    tables: tuple[PaperTable, ...]
    directions: tuple[Direction, ...]
    number_tables: tuple[NumberTable | NoTable, ...]
    figures: tuple[Figure | NotDrawn, ...]
    pages: tuple[Page, ...]
    pictures: Mapping[str, bytes]


def compose(study: StudyData) -> Generator[Step, None, Report]:
    """Read and draw everything; a step before each part."""
    total = len(FIGURES) + 2
    yield Step(STAGE, 0, total, "tables")
    tables, found = paper_tables(study), directions(study)
    figures = []
    for number, draw in enumerate(FIGURES, start=1):
        yield Step(STAGE, number, total, draw.__name__.replace("_", " "))
        figures.append(draw(study))
    further = differences_that_hold(study), labelled_retrieval(study), *map(check_table, study.checks)
    parts = tuple(tables), tuple(found), further, tuple(figures)
    yield Step(STAGE, total - 1, total, "pages")
    pages = tuple(further_pages(study))
    return Report(study.record, study.plan.metric, *parts, pages, study.pictures.files)
