"""Answers as one self-contained HTML page: images sized by influence, owners, completeness."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...store.errors import DataError
from ...store.lookup import locate
from ..thumbnails import make_thumbnail
from .abstention import verdict
from .answer import Answer, FailedQuestion, Result

if TYPE_CHECKING:
    from ..session import Snapshot

LARGEST, SMALLEST = 100, 20
"""Width of an image in percent of its cell: of the most influential one, and the least width of any."""

PIXELS = 464
OWNERS = 12


@dataclass(frozen=True)
class ShownResult:
    """A result on the page: `data` is a data URI, or None; `side` in percent of its cell."""

    result: Result
    data: str | None
    side: int


@dataclass(frozen=True)
class AnswerSection:
    """One answer on the page.

    `picture`: the query image as a data URI, or None; `listed`: the influence of all that is shown;
    `verdict`: what the answer says at its level.
    """

    answer: Answer
    picture: str | None
    shown: tuple[ShownResult, ...]
    listed: float
    verdict: tuple[str, ...]


def answer_page(
    snapshot: Snapshot,
    answers: Sequence[Answer | FailedQuestion],
    query_images: Mapping[str, bytes | None],
    title: str,
) -> str:
    """The page. `query_images`: the bytes of the query images by `Answer.query`, where there are any."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("attribase.query.attribution")
    templates = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    templates.filters |= {"percent": percent}
    answered = [answer for answer in answers if isinstance(answer, Answer)]
    ids = sorted({result.image_id for answer in answered for result in answer.results})
    images = _read_images(snapshot, ids)
    sections = [
        _section(answer, images, _data_uri(query_images.get(answer.query)))
        if isinstance(answer, Answer)
        else answer
        for answer in answers
    ]
    return templates.get_template("answer.html").render(
        sections=sections,
        title=title,
        version=snapshot.version,
        owners=OWNERS,
        first=answered[0] if answered else None,
    )


def percent(share: float) -> str:
    """A share with as many digits as it takes to distinguish it from 0."""
    if share >= 0.0995:
        return f"{100 * share:.0f}%"
    return f"{100 * share:.1f}%" if share >= 0.0005 else "under 0.1%" if share > 0 else "0%"


def _section(answer: Answer, images: Mapping[str, str | None], query_image: str | None) -> AnswerSection:
    most = max((result.influence or 0.0 for result in answer.results), default=0.0)
    shown = tuple(
        ShownResult(result, images.get(result.image_id), _side(result.influence, most))
        for result in answer.results
    )
    listed = sum(result.influence or 0.0 for result in answer.results)
    return AnswerSection(answer, query_image, shown, listed, tuple(verdict(answer)))


def _side(influence: float | None, most: float) -> int:
    """The area is proportional to the influence, down to a size at which an image is recognisable."""
    if influence is None or most == 0:
        return (LARGEST + SMALLEST) // 2
    return max(SMALLEST, round(LARGEST * math.sqrt(influence / most)))


def _read_images(snapshot: Snapshot, ids: Sequence[str]) -> dict[str, str | None]:
    """Data URIs of stored images; None for those that are only referenced, or broken."""
    found = snapshot.finder("images", "image_id").rows(ids, ["width", "height"]).to_pylist()
    if not found:
        return {}
    sizes = {row["image_id"]: (row["width"] or 0) * (row["height"] or 0) for row in found}
    rows: Any = locate("images", snapshot.pinned.dataset("images"), "bytes", list(sizes))
    return {item: _data_uri(data, sizes[item]) for item, data in rows.read(list(sizes))}


def _data_uri(data: bytes | None, pixels: int = 0) -> str | None:
    """An image of at most PIXELS a side as a data URI; None without bytes, or for broken ones.

    `pixels`: width * height that ingest let in, which may be more than the default limit.
    """
    from ...runtime.decode import PIXEL_LIMIT  # imported late: the runtime loads ONNX

    if not data:
        return None
    try:
        thumbnail, kind = make_thumbnail(data, PIXELS, max(PIXEL_LIMIT, pixels))
    except DataError:
        return None
    return f"data:{kind};base64,{base64.b64encode(thumbnail).decode()}"
