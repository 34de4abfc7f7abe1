"""Which of the template's kinds of sources each source of images is, as a table says."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...store.errors import InvalidInputError, NotFoundError

SOURCE_KINDS: Mapping[str, tuple[str, str]] = {
    "public": ("2.1", "Publicly available datasets"),
    "licensed": ("2.2.1", "Private datasets licensed by rightsholders or their representatives"),
    "private": ("2.2.2", "Private datasets obtained from other third parties"),
    "crawled": ("2.3", "Data crawled and scraped from online sources"),
    "user": ("2.4", "User data"),
    "synthetic": ("2.5", "Synthetic data"),
    "other": ("2.6", "Other sources of data"),
}
"""By the word in the table, the number and the heading of the template's section 2."""

UNSAID = "unsaid"
"""The kind of sources that the table does not name."""

COLUMNS = ("source", "kind", "link", "note")


@dataclass(frozen=True)
class SourceKind:
    """The `kind` of a source, one of SOURCE_KINDS, its link and a note."""

    kind: str
    link: str = ""
    note: str = ""


@dataclass(frozen=True)
class SourceKinds:
    """By source, as the images name it: its kind."""

    by_source: Mapping[str, SourceKind] = field(default_factory=dict)

    def of(self, source: str | None) -> SourceKind:
        """The kind of a source; UNSAID where nothing says it."""
        return self.by_source.get(source or "", SourceKind(UNSAID))


def read_source_kinds(path: str | Path) -> SourceKinds:
    """Read a CSV table with the columns `source`, `kind`, and where there are any `link` and `note`.

    An empty `source` is that of images without one.

    Raises:
        NotFoundError: no such file.
        InvalidInputError: no such columns, another kind, or a source twice.
    """
    file = Path(path)
    if not file.is_file():
        raise NotFoundError(f"there is no {file}", hint=f"write a CSV table with {', '.join(COLUMNS)}")
    found: dict[str, SourceKind] = {}
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.DictReader(text)
        if not {"source", "kind"} <= set(rows.fieldnames or ()):
            there = ", ".join(rows.fieldnames or ()) or "none"
            raise InvalidInputError(f"{file} has the columns {there}", hint="name them source and kind")
        for number, row in enumerate(rows, 2):
            source, kind = (row["source"] or "").strip(), (row["kind"] or "").strip().lower()
            if kind not in SOURCE_KINDS:
                raise InvalidInputError(
                    f"{file}, line {number}: there is no kind {kind!r}", hint=f"use {', '.join(SOURCE_KINDS)}"
                )
            if source in found:
                raise InvalidInputError(
                    f"{file}, line {number}: the source {source!r} is there twice", hint="keep one line"
                )
            link, note = ((row.get(name) or "").strip() for name in ("link", "note"))
            found[source] = SourceKind(kind, link, note)
    return SourceKinds(found)
