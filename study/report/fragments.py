"""Pieces of HTML with thumbnails, for figures and pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .answers import SampleRows

if TYPE_CHECKING:
    from jinja2 import Environment


def sample_rows_html(samples: Sequence[SampleRows]) -> str:
    """Each sample beside its rows of images, those that are exemplars framed."""
    return fragments().get_template("sample_rows.html").render(samples=samples)


def fragments() -> Environment:
    """The templates of fragments. Text from the store is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("attribase.study.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
