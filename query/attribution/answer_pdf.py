"""Answers as a PDF to print or send: pictures with bars of which the full length is 100%."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from ..pdf import SOFT, PdfDocument
from .answer_document import AnswerDocument, AnswerPart, OwnersTable, Picture, ShownImage

ASKED, LISTED, BAR = 130, 58, 110
"""Points: the side of the question's picture and of a result's, and the length of a bar of 100%."""

LONGEST = 400
"""Characters of a text in a cell: a row that is higher than the page cannot be drawn."""


def write_answer_pdf(content: AnswerDocument, out: BinaryIO) -> None:
    """Write the pages: each question begins one; each page ends with the limits and the provenance.

    Raises:
        InvalidInputError: the library that writes PDFs is not installed.
    """
    document = PdfDocument(content.title, footer="\n".join(content.footer))
    for at, part in enumerate(content.parts):
        if at:
            document.add_page()
        _add_part(document, part)
    document.add_lines([f"{name}: {text}" for name, text in content.about.items()])
    document.write(out)


def _add_part(document: PdfDocument, part: AnswerPart) -> None:
    says = [
        document.paragraph(_cut(part.question), 8, colour=SOFT),
        document.paragraph(_cut(part.headline), 14, bold=True),
        *(document.paragraph(_cut(line), 9) for line in part.says),
    ]
    picture = _picture(document, part.picture, ASKED)
    document.add_cells([[picture, says]], [ASKED + 20, document.width - ASKED - 20], heads=0, lines=False)
    document.add_gap(8)
    if part.images:
        _add_images(document, part.images)
    document.add_gap(4)
    for line in part.after:
        document.add_text(line, 8, colour=SOFT)
    for owners in part.owners:
        _add_owners(document, owners)


def _add_images(document: PdfDocument, images: Sequence[ShownImage]) -> None:
    rows = [
        [
            _picture(document, image.picture, LISTED),
            [document.paragraph(image.number, 11, bold=True), document.bar(min(1.0, image.bar), BAR)],
            [
                *([document.paragraph(_cut(image.caption), 9)] if image.caption else []),
                *(document.paragraph(_cut(line), 7.5, colour=SOFT) for line in image.facts),
            ],
        ]
        for image in images
    ]
    sides = [LISTED + 12, BAR + 16]
    document.add_cells(rows, [*sides, document.width - sum(sides)], heads=0)


def _add_owners(document: PdfDocument, owners: OwnersTable) -> None:
    document.add_gap(8)
    document.add_text(f"By {owners.field}", 11, bold=True)
    name, *numbers = owners.head
    head = [document.paragraph(name, 7.5, colour=SOFT), ""]
    head += [document.paragraph(text, 7.5, colour=SOFT, right=True) for text in numbers]
    rows = [
        [
            document.paragraph(_cut(row[0]), 8),
            document.bar(min(1.0, bar), BAR),
            *(document.paragraph(text, 8, right=True) for text in row[1:]),
        ]
        for row, bar in zip(owners.rows, owners.bars, strict=True)
    ]
    widths = [BAR + 10, *[58.0] * len(numbers)]
    document.add_cells([head, *rows], [document.width - sum(widths), *widths])
    if owners.more:
        document.add_text(owners.more, 8, colour=SOFT)


def _picture(document: PdfDocument, picture: Picture | None, side: float) -> Any:
    if picture is None:
        return document.paragraph("no picture", 7.5, colour=SOFT)
    return document.picture(picture.data, side)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
