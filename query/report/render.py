"""A report's content as a page and as Markdown, by the templates in `templates/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .content import Content
from .data import METRICS
from .findings import BestSpace
from .svg import for_page
from .text import case_scheme_text, case_text, interval_text, signed, space_text

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render_page(content: Content) -> str:
    """The page. Names from the store are escaped; plots are inline SVG in the page's own colours."""
    return _templates().get_template("report.html").render(content=content, metrics=METRICS)


def render_markdown(content: Content, figures: Mapping[str, str]) -> str:
    """The Markdown file. `figures`: the path of each plot by its name. Names from the store are escaped."""
    text = _templates().get_template("report.md").render(content=content, metrics=METRICS, figures=figures)
    return text + "\n"


def escape_markdown(text: str) -> Markup:
    """`text` with everything escaped that Markdown or HTML would take for markup."""
    from markupsafe import Markup

    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", text)
    text = re.sub(r"(?<=:)(?=//)", "&#8203;", text)  # so that no URL becomes a link
    return Markup(re.sub(r"\s+", " ", text))  # noqa: S704


def with_line_breaks(name: str) -> Markup:
    """`name`, escaped, with `<wbr>` where a narrow column may break it."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?<=[-_+/.])(?=\w)", "<wbr>", str(escape(name))))  # noqa: S704


def best_texts(best: BestSpace) -> tuple[str, str, str, str]:
    """The best features, their Recall@10, its interval, and the second features with their Recall@10."""
    second = "–"
    if best.second is not None and best.second_score is not None:
        second = f"{space_text(best.second)} {best.second_score.value:.3f}"
    return space_text(best.space), f"{best.score.value:.3f}", interval_text(best.score), second


def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("attribase.query.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    templates.filters |= {
        "best": best_texts,
        "breaks": with_line_breaks,
        "case": case_text,
        "case_scheme": case_scheme_text,
        "figure": for_page,
        "plain": escape_markdown,
        "signed": signed,
        "space": space_text,
    }
    return templates
