"""The PDF of a pack: printed from its page by WeasyPrint; drawn by ReportLab where Pango is not installed."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from PIL import ImageFile

from ..query.attribution.answer_document import answer_document
from ..query.attribution.answer_pdf import write_answer_pdf

if TYPE_CHECKING:
    from ..query import Answer

WITHOUT_PANGO = (
    "answer.pdf is a short form: the library Pango, which prints the page, is not installed "
    "(Debian: apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0)"
)


def evidence_pdf(page: str, answer: Answer) -> tuple[bytes, str | None]:
    """The PDF of a page, and a note where it is another document: of `answer`, by another library.

    Only what the page itself holds is drawn: nothing is fetched. Raises MissingExtraError without WeasyPrint,
    or, where it needs it, without ReportLab.
    """
    try:
        with _torn_images_refused():
            from weasyprint import HTML
            from weasyprint.urls import URLFetcher
    except OSError:  # its wheel does not bring Pango, which is loaded as it is imported
        return _short_pdf(answer), WITHOUT_PANGO
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)  # such as rules for screens
    fetcher = URLFetcher(allowed_protocols=("data",))
    data: bytes = HTML(string=page, url_fetcher=fetcher).write_pdf()
    return data, None


@contextmanager
def _torn_images_refused() -> Iterator[None]:
    """Keep Pillow's setting: WeasyPrint lets the whole process take images that end too early."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _short_pdf(answer: Answer) -> bytes:
    out = io.BytesIO()
    write_answer_pdf(answer_document([answer], {}), out)
    return out.getvalue()
