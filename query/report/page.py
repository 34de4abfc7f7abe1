"""The report as one HTML page that needs nothing else: no script, no font, no other host."""

from __future__ import annotations

from .content import Content, best_text
from .facts import METRICS
from .svg import for_page
from .tables import mapper_text, place_text, signed, space_text


def render_page(content: Content) -> str:
    """The page. Names from the store are escaped; plots are inline SVG in the page's own colours."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("attribase.query.report")
    templates = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    templates.filters |= {
        "place": place_text,
        "space": space_text,
        "mapper": mapper_text,
        "signed": signed,
        "figure": for_page,
        "best": best_text,
    }
    return templates.get_template("report.html").render(c=content, metrics=METRICS)
