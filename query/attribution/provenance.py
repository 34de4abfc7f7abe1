"""Where an answer comes from: the question, the state of the store, the software; and what no answer is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...store.layout import software_version

if TYPE_CHECKING:
    from ..session import Snapshot

LIMITS = ("This is no proof.", "A share is of similarity-based influence, not of authorship.")
"""What every answer says of itself, wherever it is shown."""

MEANING = "docs/words.md#what-a-share-means"
"""The page of the documentation, and its heading, that says what a share means and what it does not mean."""

MEANING_TEXT = (
    "A share is an estimate: of the influence that similarity can show, under the assumption that what made "
    "the picture is among the images compared."
)
"""The sentence of that page that says it shortest."""

POOLS = {"all": "the gallery and every exemplar", "gallery": "the gallery"}
"""What each pool holds."""

SOURCE_COLUMNS = ("store", "store_at", "asked", "software", "limits")
"""The last columns of CSV, Arrow and Parquet, whose rows go on without the file; documents have `about`."""

NAMED = 3
"""Questions that a document of many names."""


@dataclass(frozen=True)
class AnswerProvenance:
    """What an answer was asked of, and by what it was computed: all that is needed to ask again.

    Attributes:
        question: as `Answer.query`: a file's name, a sample, a digest.
        date: when it was asked: UTC in ISO format, to the second.
        store: the store's name, without its folder.
        at: the state of the store as `at` takes it: a tag, or a moment in UTC.
        tables_version: a digest of the version of every table.
        software: the name and version of this software.
        encoder: which features.
        mapper: on top of the encoder; `none` for raw features.
        pool: `all` or `gallery`.
        pool_size: how many images are in it.
        where: the condition on the pool; None without one.
        meaning: where the documentation says what a share means.
    """

    question: str
    date: str
    store: str
    at: str
    tables_version: str
    software: str
    encoder: str
    mapper: str
    pool: str
    pool_size: int
    where: str | None = None
    meaning: str = MEANING

    def of(self, question: str) -> AnswerProvenance:
        """The same of another question that was asked together with this one."""
        return replace(self, question=question)

    def about(self) -> dict[str, str]:
        """Names and texts, in the order that documents show them; with the limits."""
        condition = {"condition": self.where} if self.where else {}
        return {
            "question": self.question,
            "date": self.date,
            "store": f"{self.store} at {self.at}",
            "tables": self.tables_version,
            "features": f"encoder {self.encoder}, mapper {self.mapper}",
            "pool": f"{self.pool_size:,} images: {POOLS[self.pool]}",
            **condition,
            "software": self.software,
            "limits": " ".join(LIMITS),
            "meaning": f"{MEANING_TEXT} See {self.meaning}",
        }

    def lines(self) -> list[str]:
        """`about` as plain text, a line each."""
        return [f"{name}: {text}" for name, text in self.about().items()]

    def line(self) -> str:
        """The shortest form, for a terminal."""
        return (
            f"store {self.store} at {self.at}, {self.software}, {self.encoder}/{self.mapper}; "
            f"no proof: see {self.meaning}"
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return dict(vars(self))


def about_questions(sources: Sequence[AnswerProvenance]) -> dict[str, str]:
    """`AnswerProvenance.about` of questions that were asked together; nothing of none."""
    if not sources:
        return {}
    names, more = [source.question for source in sources[:NAMED]], len(sources) - NAMED
    return sources[0].about() | {"question": ", ".join(names) + (f" and {more:,} more" if more > 0 else "")}


def source_values(source: dict[str, Any] | None) -> dict[str, str]:
    """The values of SOURCE_COLUMNS of one answer; `source` is `AnswerProvenance.to_dict()`."""
    if source is None:
        return {}
    texts = (source["store"], source["at"], source["date"], source["software"], " ".join(LIMITS))
    return dict(zip(SOURCE_COLUMNS, texts, strict=True))


def source_metadata(sources: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What the schema of Arrow and Parquet says of answers that were asked together: `attribase`, as JSON."""
    if not sources:
        return {}
    shared = {name: value for name, value in sources[0].items() if name != "question"}
    return {"attribase": json.dumps(shared | {"limits": LIMITS}, sort_keys=True)}


def describe_source(
    snapshot: Snapshot, encoder: str, mapper: str, pool: tuple[str, int], where: str | None
) -> AnswerProvenance:
    """The provenance of questions that are asked now, still without their names. `pool`: name and size."""
    return AnswerProvenance(
        question="",
        date=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        store=snapshot.store.name,
        at=snapshot.at,
        tables_version=snapshot.version,
        software=f"attribase {software_version()}",
        encoder=encoder,
        mapper=mapper,
        pool=pool[0],
        pool_size=pool[1],
        where=where,
    )
