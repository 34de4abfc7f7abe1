"""A study's report as a page and as Markdown, by the templates in `templates/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...query.report.data import METRICS
from ...query.report.render import escape_markdown, with_line_breaks
from ...query.report.svg import for_page
from ...query.report.text import case_scheme_text, case_text, short_interval
from .compose import Report
from .directions import EVERY, Direction
from .figure import Figure
from .number_tables import NumberTable, signed_points
from .pages import Page
from .paper_tables import groups, variant_title
from .table_formats import as_markdown

if TYPE_CHECKING:
    from jinja2 import Environment

METRIC_TEXTS = {"recall_5": "Recall@5", "recall_10": "Recall@10", "recall_100": "Recall@100", "ap": "mAP"}


def render_page(report: Report) -> str:
    """The page. Names from the store are escaped; drawings are inline SVG in the page's own colours."""
    return _templates().get_template("index.html").render(_values(report))


def render_further(page: Page) -> str:
    """A page beside the main one, with thumbnails."""
    return _templates().get_template("further.html").render(page=page) + "\n"


def render_markdown(report: Report) -> str:
    """The report as Markdown, with its drawings beside it."""
    values = _values(report) | {"tables": [as_markdown(table) for table in report.tables]}
    return _templates().get_template("report.md").render(values) + "\n"


def _values(report: Report) -> dict[str, object]:
    questions: dict[str, list[Direction]] = {}
    for row in report.directions:
        questions.setdefault(row.question, []).append(row)
    return {
        "questions": list(questions.items()),
        "report": report,
        "record": report.record,
        "metrics": METRICS,
        "metric": METRIC_TEXTS[report.metric],
        "every": EVERY,
        "number_tables": [one for one in report.number_tables if isinstance(one, NumberTable)],
        "no_tables": [one for one in report.number_tables if not isinstance(one, NumberTable)],
        "drawn": [figure for figure in report.figures if isinstance(figure, Figure)],
        "not_drawn": [figure for figure in report.figures if not isinstance(figure, Figure)],
    }


def _templates() -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader("attribase.study.report"), PackageLoader("attribase.query.report")])
    templates = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    templates.filters |= {
        "breaks": with_line_breaks,
        "case": case_text,
        "case_scheme": case_scheme_text,
        "drawing": for_page,
        "groups": groups,
        "interval": short_interval,
        "plain": escape_markdown,
        "points": signed_points,
        "variant": variant_title,
    }
    return templates
