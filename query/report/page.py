"""The report as one HTML page that needs nothing else: no script, no font, no other host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .content import Content, best_text
from .facts import METRICS
from .svg import for_page
from .words import case_text, place_text, signed, space_text

if TYPE_CHECKING:
    from markupsafe import Markup


def render_page(content: Content) -> str:
    """The page. Names from the store are escaped; plots are inline SVG in the page's own colours."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("attribase.query.report")
    templates = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    templates.filters |= {
        "best": best_text,
        "breaks": _with_breaks,
        "case": case_text,
        "figure": for_page,
        "place": place_text,
        "signed": signed,
        "space": space_text,
    }
    return templates.get_template("report.html").render(c=content, metrics=METRICS)


def _with_breaks(name: str) -> Markup:
    """`name`, escaped, with places where a narrow column may break it."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?<=[-_+/.])(?=\w)", "<wbr>", str(escape(name))))  # noqa: S704
