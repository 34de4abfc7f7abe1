"""Search by words: the images of a store that an encoder with a text tower finds most similar to a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..runtime.mapper import RAW, normalise
from ..store import Store
from ..store.errors import InvalidInputError, NotFoundError
from ..store.ids import vectors_table
from .attribution.answer import DETAILS
from .attribution.retrieval import measure_coverage
from .session import Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .search import Neighbours, Pool, SearchSpace
    from .session import Snapshot

LONGEST_TEXT = 2_000
"""Characters of a text; a tower reads 64 or 77 tokens of it."""


@dataclass(frozen=True)
class TextMatch:
    """One image and its cosine with the text."""

    rank: int
    image_id: str
    similarity: float
    uri: str | None = None
    creator: str | None = None
    license: str | None = None
    category: str | None = None
    caption: str | None = None


@dataclass(frozen=True)
class TextAnswer:
    """The images most similar to a text, best first.

    `exact`: every image of the pool was compared. `pool_size`, `embedded` and `searched` count the images in
    the pool, those with a vector, and those that were compared.
    """

    text: str
    encoder: str
    pool_size: int
    embedded: int
    searched: int
    exact: bool
    results: tuple[TextMatch, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it, by the names of the attributes."""
        return asdict(self) | {"results": [asdict(result) for result in self.results]}


def similar_text(
    store: Store | Session | str | Path,
    text: str,
    *,
    k: int = 10,
    encoder: str | None = None,
    where: str | None = None,
) -> TextAnswer:
    """The images that are most similar to what a text says.

    The cosine of the text tower's feature and the raw features of images: no mapper, no influence. It finds
    pictures; it says nothing of what a generated picture owes to them.

        similar_text("my.store", "a red car", k=5)

    Args:
        store: the store's path, the store, or a session of it.
        text: what to look for; the tower reads the first 64 or 77 tokens.
        k: how many images.
        encoder: one with a text tower; the first by name when left out.
        where: a condition over `images` and `members`, as for `attribute`.

    Raises:
        NotFoundError: no such encoder, or none with a text tower and vectors.
        InvalidInputError: an empty or too long text, k below 1, a condition that does not fit.
    """
    session = store if isinstance(store, Session) else Session(store)
    return search_texts(session.snapshot(), [text], k=k, encoder=encoder, where=where)[0]


def search_texts(
    snapshot: Snapshot,
    texts: Sequence[str],
    *,
    k: int = 10,
    encoder: str | None = None,
    where: str | None = None,
    details: bool = True,
) -> list[TextAnswer]:
    """`similar_text` for several texts in one scan; `details`: with what the store knows of the images."""
    for text in texts:
        _check_text(text)
    name = choose_text_encoder(snapshot, encoder)
    space = snapshot.space(name, RAW)
    pool = space.pool("all", where)
    vectors: NDArray[np.float32] = normalise(snapshot.text_network(name).encode(texts))
    found = space.search(vectors, k, pool)
    answers = [_answer(text, at, space, pool, found) for at, text in enumerate(texts)]
    return _with_details(snapshot, answers) if details else answers


def text_encoders(snapshot: Snapshot) -> list[str]:
    """Encoders with a text tower and vectors, by name."""
    towers = snapshot.encoders.text_towers()
    return sorted(name for name in towers if vectors_table(name) in snapshot.pinned.versions)


def choose_text_encoder(snapshot: Snapshot, name: str | None) -> str:
    """`name` if it has a text tower and vectors; left out, the first by name. Raises NotFoundError."""
    known = text_encoders(snapshot)
    if name is not None and name not in known:
        hint = f"use {', '.join(known)}" if known else "embed with one that has: clip-vit-b32"
        raise NotFoundError(f"the encoder {name!r} has no text tower or no vectors here", hint=hint)
    if not known:
        raise NotFoundError(
            "no encoder of this store compares text with images",
            hint="attribase -s STORE ingest embed --encoder clip-vit-b32 (or open_clip:ARCH/TAG)",
        )
    return name or known[0]


def _check_text(text: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise InvalidInputError(
            "there is no text to look for", hint="say what the pictures show: 'a red car'"
        )
    if len(text) > LONGEST_TEXT:
        raise InvalidInputError(
            f"the text has {len(text):,} characters",
            hint=f"give at most {LONGEST_TEXT:,}; a sentence is best",
        )


def _answer(text: str, at: int, space: SearchSpace, pool: Pool, found: Neighbours) -> TextAnswer:
    coverage = measure_coverage(pool, found.method, int(found.searched[at]), True, None)
    pairs = [
        (int(row), float(cosine))
        for row, cosine in zip(found.rows[at], found.similarities[at], strict=True)
        if row >= 0
    ]
    results = tuple(
        TextMatch(rank, space.ids[row].as_py(), cosine) for rank, (row, cosine) in enumerate(pairs, start=1)
    )
    return TextAnswer(
        text, space.encoder, coverage.pool_size, coverage.embedded, coverage.searched, coverage.exact, results
    )


def _with_details(snapshot: Snapshot, answers: list[TextAnswer]) -> list[TextAnswer]:
    ids = sorted({result.image_id for answer in answers for result in answer.results})
    rows = snapshot.finder("images", "image_id").rows(ids, DETAILS).to_pylist()
    known = {row.pop("image_id"): row for row in rows}
    return [
        replace(answer, results=tuple(replace(one, **known.get(one.image_id, {})) for one in answer.results))
        for answer in answers
    ]
