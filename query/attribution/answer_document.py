"""What a document of answers says: verdict, evidence, pictures with shares, owners, where it comes from."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...store.errors import InvalidInputError
from .abstention import verdict
from .answer import Answer, FailedQuestion, Result
from .markup import percent
from .provenance import LIMITS, MEANING, about_questions
from .state import SHARES, STATES

IMAGES = 2_000
"""The most pictures of a document."""

OWNERS, LEAST = 25, 0.0005
"""How many owners of one field are listed, those with less influence left out; the others are counted."""

SIDE = 240
"""The longer side of a picture in pixels."""


@dataclass(frozen=True)
class Picture:
    """A thumbnail: its encoded bytes, and the ending of a file of such bytes."""

    data: bytes
    ending: str

    @classmethod
    def of_uri(cls, uri: str | None) -> Picture | None:
        """The picture in a data URI of a PNG or JPEG; None of none."""
        if uri is None:
            return None
        head, _, text = uri.partition(",")
        return cls(base64.b64decode(text), "png" if "png" in head else "jpg")


@dataclass(frozen=True)
class ShownImage:
    """An image of an answer: `bar` is its share, or its similarity where there are no shares, in [0, 1]."""

    image_id: str
    picture: Picture | None
    number: str
    bar: float
    caption: str
    facts: tuple[str, ...]


@dataclass(frozen=True)
class OwnersTable:
    """The owners of one field: rows of texts below `head`, each with a bar in [0, 1]; `more`: the others."""

    field: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bars: tuple[float, ...]
    more: str


@dataclass(frozen=True)
class AnswerPart:
    """The part of a document on one question; of one without an answer only `question` and `says`."""

    question: str
    headline: str
    says: tuple[str, ...]
    picture: Picture | None = None
    images: tuple[ShownImage, ...] = ()
    after: tuple[str, ...] = ()
    owners: tuple[OwnersTable, ...] = ()


@dataclass(frozen=True)
class AnswerDocument:
    """All parts, and where the answers come from: `about` at the end, `footer` on each page."""

    title: str
    parts: tuple[AnswerPart, ...]
    about: Mapping[str, str]
    footer: tuple[str, ...]


def answer_document(
    answers: Sequence[Answer | FailedQuestion],
    owners: Mapping[str, Sequence[Answer | FailedQuestion]],
    *,
    pictures: bool = True,
) -> AnswerDocument:
    """The document of answers that were asked together.

    Args:
        answers: to all questions, in order.
        owners: by field, the answers with the shares of its owners.
        pictures: whether to read them.

    Raises:
        InvalidInputError: more than IMAGES images.
    """
    found = [answer for answer in answers if isinstance(answer, Answer)]
    if sum(len(answer.results) for answer in found) > IMAGES:
        raise InvalidInputError(
            f"a document has at most {IMAGES:,} pictures",
            hint="ask for a smaller k, or write .csv or .parquet",
        )
    parts = [
        _part(answer, [others[at] for others in owners.values()], pictures)
        for at, answer in enumerate(answers)
    ]
    about = about_questions([answer.provenance for answer in found if answer.provenance])
    first = answers[0].query if answers else ""
    more = f" and {len(answers) - 1:,} more" if len(answers) > 1 else ""
    return AnswerDocument(f"Attribution: {first}{more}", tuple(parts), about, _footer(about))


def _footer(about: Mapping[str, str]) -> tuple[str, ...]:
    limits = f"{' '.join(LIMITS)} See {MEANING}."
    if not about:
        return (limits,)
    source = f"Asked {about['date']}, store {about['store']}, {about['software']}, {about['features']}"
    return limits, source


def _part(
    answer: Answer | FailedQuestion, same: Sequence[Answer | FailedQuestion], pictures: bool
) -> AnswerPart:
    """`same`: the same question with the shares of owners by each field."""
    if isinstance(answer, FailedQuestion):
        hint = (answer.error.hint,) if answer.error.hint else ()
        return AnswerPart(answer.query, "No answer", (str(answer.error), *hint))
    source = answer.pictures if pictures else None
    ids = [result.image_id for result in answer.results]
    found = source.of_images(ids, SIDE) if source and ids else {}
    images = [_image(one, Picture.of_uri(found.get(one.image_id))) for one in answer.results]
    return AnswerPart(
        question=answer.query,
        headline=_headline(answer),
        says=tuple(_says(answer)),
        picture=Picture.of_uri(source.of_question(SIDE)) if source else None,
        images=tuple(images),
        after=tuple(_after(answer)),
        owners=tuple(_owners(one) for one in same if isinstance(one, Answer) and one.shares),
    )


def _headline(answer: Answer) -> str:
    if not answer.results:
        return "Nothing to name"
    if answer.state != SHARES:
        return STATES[answer.state]
    listed = sum(result.influence or 0.0 for result in answer.results)
    images = "this image" if len(answer.results) == 1 else f"these {len(answer.results)} images"
    return f"{percent(listed)} of the influence is from {images}"


def _says(answer: Answer) -> Iterator[str]:
    """What comes first: the verdict, the evidence, how much was compared."""
    for line in (*verdict(answer), *((answer.evidence.line,) if answer.evidence else ())):
        yield f"{line[:1].upper()}{line[1:]}."
    compared = (
        f"Compared with all {answer.pool_size:,} images of the pool"
        if answer.exact
        else f"Compared with {answer.searched:,} of the {answer.pool_size:,} images of the pool"
    )
    yield f"{compared}{f' where {answer.where}' if answer.where else ''}."


def _after(answer: Answer) -> Iterator[str]:
    if answer.remaining is not None:
        yield f"{percent(answer.remaining)} of the influence is of images that are not listed."
        if answer.null_share:
            yield f"{percent(answer.null_share)} is of nothing in the pool (the null share)."
    yield from answer.notes


def _image(result: Result, picture: Picture | None) -> ShownImage:
    share = result.influence
    measured = [
        *([] if share is None else [f"similarity {result.similarity:.3f}"]),
        *([] if result.in_set is None else ["in the set" if result.in_set else "not in the set"]),
        *([f"with {len(result.copies)} near-duplicates"] if result.copies else []),
    ]
    facts = [
        f"{result.creator or 'owner unknown'}, {result.license or 'licence unknown'}",
        *([", ".join(measured)] if measured else []),
        result.image_id,
    ]
    return ShownImage(
        image_id=result.image_id,
        picture=picture,
        number=f"similarity {result.similarity:.3f}" if share is None else percent(share),
        bar=max(0.0, result.similarity if share is None else share),
        caption=result.caption or "",
        facts=tuple(facts),
    )


def _owners(answer: Answer) -> OwnersTable:
    large = [one for one in answer.shares if one.influence is None or one.influence >= LEAST]
    shown = large[:OWNERS]
    rest = answer.shares[len(shown) :]
    rows = [
        (
            share.name or "unknown",
            "" if share.influence is None else percent(share.influence),
            percent(share.owned),
            f"{share.images:,}",
            f"{share.similarity:.3f}",
        )
        for share in shown
    ]
    bars = [max(0.0, share.similarity if share.influence is None else share.influence) for share in shown]
    field = "licence" if answer.by == "license" else answer.by or "owner"
    head = (field, "influence", "owns of the pool", "images", "best match")
    together = sum(one.influence or 0.0 for one in rest)
    more = f"and {len(rest):,} more" + (f", {percent(together)} together" if together else "") if rest else ""
    return OwnersTable(field, head, tuple(rows), tuple(bars), more)
