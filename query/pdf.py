"""Documents of text, tables and pictures as PDF, with a font that has most letters of Europe.

Library: reportlab (the extra `pdf`); font: DejaVu Sans, which matplotlib brings.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..store.errors import InvalidInputError

if TYPE_CHECKING:
    from reportlab.platypus import Paragraph

FONT, BOLD = "DejaVuSans", "DejaVuSans-Bold"
MISSING = "\N{WHITE SQUARE}"
"""Drawn for a character that the font does not have."""

INK, SOFT, LINE, BAR = "#1d2433", "#5d6679", "#dde2ec", "#0b62a8"
"""Colours."""

MARGIN = 40
"""Around each page."""

PADDING = 6
"""Inside the margin, by the library."""

FOOTER = 6.0
"""Size of the footer's text; three lines of it fit into the margin."""

NUMBER = 24
"""Room for the number of the page."""

LONGEST, SHORTEST = 40, 4
"""Characters of a column that count for its width."""


class PdfDocument:
    """A PDF that is written from top to bottom; lengths and sizes of text are in points (1/72 inch)."""

    def __init__(self, title: str, *, wide: bool = False, footer: str = "") -> None:
        """Starts a document, A4. `wide`: landscape; `footer`: lines at the bottom of each page.

        Raises InvalidInputError where the library or its font is not installed.
        """
        self._glyphs = _register_fonts()
        from reportlab.lib.pagesizes import A4, landscape

        self.title, self.footer = title, footer
        self.page = landscape(A4) if wide else A4
        self.missing: set[str] = set()
        """Characters that the font does not have."""
        self._parts: list[Any] = []

    @property
    def width(self) -> float:
        """Of a line."""
        return float(self.page[0]) - 2 * (MARGIN + PADDING)

    def add_text(self, text: str, size: float = 9, *, bold: bool = False, colour: str = INK) -> None:
        """A paragraph."""
        self._parts.append(self.paragraph(text, size, bold=bold, colour=colour))

    def add_page(self) -> None:
        """Begin a new page."""
        from reportlab.platypus import PageBreak

        self._parts.append(PageBreak())

    def add_gap(self, height: float) -> None:
        """Empty space."""
        from reportlab.platypus import Spacer

        self._parts.append(Spacer(1, height))

    def add_lines(self, lines: Sequence[str], size: float = 7) -> None:
        """Small lines below a gap: what the document is, and its limits."""
        self.add_gap(12)
        for line in lines:
            self.add_text(line, size, colour=SOFT)

    def add_table(
        self,
        names: Sequence[str],
        rows: Sequence[Sequence[str]],
        numeric: Sequence[bool],
        size: float = 7.5,
    ) -> None:
        """A table with its header on each page; columns as wide as what they hold, as far as it fits."""
        lengths = [
            max([SHORTEST, len(name), *(min(len(row[at]), LONGEST) for row in rows)])
            for at, name in enumerate(names)
        ]
        widths = [self.width * length / sum(lengths) for length in lengths]
        head = [
            self.paragraph(name, size, colour=SOFT, right=right)
            for name, right in zip(names, numeric, strict=True)
        ]
        body = [
            [self.paragraph(cell, size, right=right) for cell, right in zip(row, numeric, strict=True)]
            for row in rows
        ]
        self.add_cells([head, *body], widths)

    def add_cells(
        self,
        rows: Sequence[Sequence[Any]],
        widths: Sequence[float],
        *,
        heads: int = 1,
        lines: bool = True,
    ) -> None:
        """Rows of paragraphs and pictures; the first `heads` rows are repeated on each page.

        `lines`: whether rows have a line below.
        """
        from reportlab.platypus import LongTable

        style = [
            *([("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE)] if lines else []),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 6),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ]
        self._parts.append(
            LongTable(
                [list(row) for row in rows],
                colWidths=list(widths),
                style=style,
                repeatRows=heads,
                hAlign="LEFT",
            )
        )

    def paragraph(
        self, text: str, size: float = 9, *, bold: bool = False, colour: str = INK, right: bool = False
    ) -> Paragraph:
        """Text for a cell. Characters that the font does not have become MISSING."""
        from reportlab.lib.enums import TA_LEFT, TA_RIGHT
        from reportlab.lib.styles import ParagraphStyle
        from reportlab.platypus import Paragraph

        style = ParagraphStyle(
            "text",
            fontName=BOLD if bold else FONT,
            fontSize=size,
            leading=1.3 * size,
            textColor=colour,
            alignment=TA_RIGHT if right else TA_LEFT,
            splitLongWords=True,
        )
        return Paragraph(escape(self._printable(text)).replace("\n", "<br/>"), style)

    def picture(self, data: bytes, side: float) -> Any:
        """A picture for a cell, inside a square."""
        from reportlab.platypus import Image

        return Image(io.BytesIO(data), side, side, kind="proportional", hAlign="LEFT")

    def bar(self, share: float, width: float, height: float = 6) -> Any:
        """A bar for a cell, of which a share in [0, 1] is filled."""
        from reportlab.graphics.shapes import Drawing, Rect
        from reportlab.lib.colors import HexColor

        drawing = Drawing(width, height)
        for part, colour in ((1.0, LINE), (share, BAR)):
            drawing.add(Rect(0, 0, width * part, height, fillColor=HexColor(colour), strokeColor=None))
        return drawing

    def write(self, out: BinaryIO) -> None:
        """Write the document, with a line on characters that could not be drawn."""
        from reportlab.platypus import SimpleDocTemplate

        self.footer = self._printable(self.footer)
        if self.missing:
            self.add_lines(
                [
                    f"{MISSING} stands for {len(self.missing)} different characters that the font of this "
                    "PDF does not have; the HTML form has them."
                ]
            )
        document = SimpleDocTemplate(
            out,
            pagesize=self.page,
            title=self.title,
            leftMargin=MARGIN,
            rightMargin=MARGIN,
            topMargin=MARGIN,
            bottomMargin=MARGIN,
            invariant=1,
        )
        document.build(self._parts, onFirstPage=self._draw_footer, onLaterPages=self._draw_footer)

    def _draw_footer(self, canvas: Any, document: Any) -> None:
        from reportlab.lib.utils import simpleSplit

        canvas.saveState()
        canvas.setFillColor(SOFT)
        room = self.page[0] - 2 * MARGIN - NUMBER
        canvas.setFont(FONT, FOOTER)
        wrapped = [
            part for line in self.footer.splitlines() for part in simpleSplit(line, FONT, FOOTER, room)
        ]
        for below, line in zip(range(len(wrapped))[::-1], wrapped, strict=True):
            canvas.drawString(MARGIN, MARGIN / 3 + 1.3 * FOOTER * below, line)
        canvas.drawRightString(self.page[0] - MARGIN, MARGIN / 3, str(document.page))
        canvas.restoreState()

    def _printable(self, text: str) -> str:
        """The text with MISSING for each character that the font does not have, which `missing` keeps."""
        absent = {char for char in text if ord(char) not in self._glyphs and char not in "\n\t"}
        self.missing |= absent
        return "".join(MISSING if char in absent else char for char in text) if absent else text


def _register_fonts() -> frozenset[int]:
    """Make the fonts known to the library; the characters that they have."""
    try:
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.ttfonts import TTFont
    except ImportError as error:
        raise InvalidInputError(
            "a PDF needs the library reportlab, which is not installed",
            hint="pip install 'attribase[pdf]', or write .html and print it",
        ) from error
    folder = _font_folder()
    for name in (FONT, BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    return frozenset(pdfmetrics.getFont(FONT).face.charToGlyph)


def _font_folder() -> Path:
    """Where matplotlib keeps its fonts; found without importing it, which takes a second."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise InvalidInputError(
            "a PDF needs the font of matplotlib, which is not installed",
            hint="pip install 'attribase[pdf]', or write .html and print it",
        )
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
