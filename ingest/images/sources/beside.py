"""What lies beside one image, in a folder or a shard: `.json`, `.txt` and `.cls` of the same name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .cells import parts_of, text_of
from .columns import find_columns
from .source import ImageRecord
from .text import clean, decode_text

CAPTION_ENDINGS = ("txt", "caption", "text")
"""Endings of files whose whole text is the caption."""

BESIDE_ENDINGS = ("json", "cls", *CAPTION_ENDINGS)
"""Endings of all files that describe the image of the same name."""


@dataclass(frozen=True)
class Beside:
    """What the files beside an image say.

    Attributes:
        row: the fields of the `.json`, over those of a table of the folder.
        caption: the text of the `.txt`.
        category: the text of the `.cls`.
        encoding: of the caption, where it was guessed.
        problem: what could not be read.
    """

    row: Mapping[str, Any]
    caption: str | None = None
    category: str | None = None
    encoding: str = ""
    problem: str = ""

    def record(
        self, uri: str, data: bytes, given: Mapping[str, str], subfolder: str | None = None
    ) -> ImageRecord:
        """The image with all its metadata; a file of its own counts more than a field.

        Args:
            uri: of the image, unless the fields have the URL that img2dataset got it from.
            data: its bytes.
            given: part of an image -> the field that holds it; images need not all have the same fields.
            subfolder: the folder that it is in, below the source's own.
        """
        columns = _columns_of(tuple(self.row), tuple(given.items()))
        texts, metadata = parts_of(self.row, columns, {})
        texts["caption"] = self.caption or texts["caption"]
        texts["category"] = self.category or texts["category"]
        if self.encoding:
            metadata["caption_encoding"] = self.encoding
        if self.problem:
            metadata["metadata_problem"] = self.problem
        source = text_of(self.row.get(columns["uri"])) if columns["uri"] else None
        return ImageRecord(source or uri, data, metadata=metadata, subfolder=subfolder, **texts)


@lru_cache(256)
def _columns_of(names: tuple[str, ...], given: tuple[tuple[str, str], ...]) -> dict[str, str | None]:
    """The field of each part; the samples of a shard have the same names, so few are ever kept.

    `url` is the image's as img2dataset writes it. In other files it may be the page that many images are on.
    """
    known = {part: field for part, field in given if field in names}
    columns = find_columns("", names, known, (), lambda _: False) | {"image": None}
    by_img2dataset = "url" in names and ("key" in names or "status" in names)
    columns["uri"] = known.get("uri") or ("url" if by_img2dataset else None)
    return columns


def read_beside(files: Mapping[str, bytes], fields: Mapping[str, Any] | None = None) -> Beside:
    """What `files`, by ending, and the `fields` of a table say of an image."""
    row = dict(fields or {})
    problem = encoding = ""
    if "json" in files:
        try:
            own = json.loads(decode_text(files["json"])[0])
            row |= own if isinstance(own, dict) else {"json": own}
        except (ValueError, RecursionError) as error:
            problem = f"the .json beside it is damaged: {error}"
    caption = None
    for ending in CAPTION_ENDINGS:
        if caption is None and ending in files:
            text, encoding = decode_text(files[ending])
            caption = clean(text.strip()) or None
    category = clean(decode_text(files["cls"])[0].strip()) or None if "cls" in files else None
    guessed = encoding if encoding == "cp1252" and caption else ""
    return Beside(row, caption, category, guessed, problem)
