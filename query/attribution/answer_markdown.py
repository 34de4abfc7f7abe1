"""Answers as Markdown, with pictures in a folder beside the file: GitHub and others show no data URIs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from ...store.layout import write_atomically
from ..sql.documents import markdown_cell
from .answer_document import AnswerDocument, AnswerPart, OwnersTable, Picture, ShownImage

CELLS = 20
"""Characters of a bar of 100%."""

EIGHTHS = "▏▎▍▌▋▊▉"

WIDTH = 120
"""Pixels of a result's picture on the page."""


def write_answer_markdown(content: AnswerDocument, out: BinaryIO, folder: Path | None) -> None:
    """Write the document, and its pictures into `folder`, which is beside it; without one it has none.

    Raises:
        OSError: the folder cannot be written.
    """
    out.write("\n".join(_lines(content, folder)).encode() + b"\n")


def pictures_folder(path: Path) -> Path:
    """Where the pictures of the Markdown file at `path` are."""
    return path.with_name(f"{path.stem}_files")


def _lines(content: AnswerDocument, folder: Path | None) -> Iterator[str]:
    yield f"# {markdown_cell(content.title)}"
    for at, part in enumerate(content.parts, 1):
        yield ""
        yield from _part(part, folder, f"question-{at}")
    yield from ("", "---", "")
    for name, text in content.about.items():
        yield f"- {name}: {markdown_cell(text)}"
    if not content.about:
        yield from content.footer


def _part(part: AnswerPart, folder: Path | None, name: str) -> Iterator[str]:
    yield f"## {markdown_cell(part.headline)}"
    for line in part.says:
        yield from ("", markdown_cell(line))
    yield from ("", f"Question: {markdown_cell(part.question)}")
    if picture := _picture(part.picture, folder, name, part.question):
        yield from ("", picture)
    if part.images:
        yield from ("", "| picture | | share | image |", "|---|---|--:|---|")
        for image in part.images:
            yield _image_row(image, folder)
    for line in part.after:
        yield from ("", markdown_cell(line))
    for owners in part.owners:
        yield ""
        yield from _owners(owners)


def _image_row(image: ShownImage, folder: Path | None) -> str:
    texts = [text for text in (image.caption, *image.facts) if text]
    picture = _picture(image.picture, folder, image.image_id[:24], image.caption or image.image_id)
    cells = [picture, _bar(image.bar), image.number, "<br>".join(map(markdown_cell, texts))]
    return f"| {' | '.join(cells)} |"


def _owners(owners: OwnersTable) -> Iterator[str]:
    yield f"### By {markdown_cell(owners.field)}"
    name, *numbers = map(markdown_cell, owners.head)
    yield ""
    yield f"| {' | '.join([name, '', *numbers])} |"
    yield f"|---|---|{'--:|' * len(numbers)}"
    for row, bar in zip(owners.rows, owners.bars, strict=True):
        yield f"| {' | '.join([markdown_cell(row[0]), _bar(bar), *row[1:]])} |"
    if owners.more:
        yield from ("", owners.more)


def _bar(share: float) -> str:
    """CELLS characters are 100%, in steps of an eighth of one."""
    whole, eighths = divmod(round(8 * CELLS * min(1.0, share)), 8)
    return ("█" * whole + (EIGHTHS[eighths - 1] if eighths else "")).ljust(CELLS, "░")


def _picture(picture: Picture | None, folder: Path | None, name: str, text: str) -> str:
    """The picture as HTML that keeps its size, once its file is written; empty without one."""
    if picture is None or folder is None:
        return ""
    safe = "".join(char if char.isalnum() or char in "-_" else "_" for char in name)
    folder.mkdir(exist_ok=True)
    write_atomically(folder / f"{safe}.{picture.ending}", picture.data)
    alt = markdown_cell(text).replace('"', "&quot;")
    return f'<img src="{quote(folder.name)}/{safe}.{picture.ending}" alt="{alt}" width="{WIDTH}">'
