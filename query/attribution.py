"""Attribution: which images of the pool made a picture, and how much did each contribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .answer import Answer
from .request import LIMIT, Question, Request
from .session import Session

if TYPE_CHECKING:
    from ..store import Store


def attribute(
    store: Store,
    query: Question,
    *,
    encoder: str | None = None,
    mapper: str | None = None,
    k: int = 10,
    pool: str = "all",
    where: str | None = None,
    by: str | None = None,
    dedup: float | None = None,
    method: str = "auto",
    limit: int = LIMIT,
) -> Answer:
    """Name the `k` images of the pool that are most similar to a generated image, with their influence.

    Influence (eq. 6) is summed over the whole pool, so an exact answer does not depend on `k`. A search by
    index sums over what it looked at, goes on until nothing else can have influence or `limit` is reached,
    and says which. Without a calibration of this encoder and mapper influence is None, and `notes` says so.

    This opens the store anew; keep a `Session` for many questions that come one by one.

    Args:
        store: the store.
        query: an image file, the bytes of one, a sample_id or a stored sample's uri, or a raw feature
            (dim,) of the encoder. It is treated as a generated image: h~ maps it.
        encoder: which features; the first one by name when left out.
        mapper: which mapper, or `none`; the newest one when left out, `none` where there is none.
        k: how many images to name, 1 or more.
        pool: `all` is the gallery and every exemplar, `gallery` the gallery alone.
        where: a condition over `images` and `members` that narrows the pool: `creator = 'x'`.
        by: also sum influence by creator, license, category or collection.
        dedup: images whose cosine is at least this are copies of one picture and share a place.
        method: `exact` compares with every image of the pool, `index` searches the index; `auto` takes the
            index where there is one and the pool is broad.
        limit: the most candidates that a search by index looks at.

    Raises:
        NotFoundError: no such file, sample, encoder or mapper.
        DataError: the bytes are no image.
        InvalidInputError: an argument out of range, a condition or vector that does not fit.
        ConflictError: an empty gallery, vectors that the mapper has not mapped, or no index to search.

    Source: arXiv:2306.09345 eq. 6.
    """
    request = Request(encoder, mapper, k, pool, where, by, dedup, method, limit)
    return Session(store).snapshot().attribute([query], request)[0]


def attribute_many(
    store: Store,
    queries: Sequence[Question],
    *,
    encoder: str | None = None,
    mapper: str | None = None,
    k: int = 10,
    pool: str = "all",
    where: str | None = None,
    by: str | None = None,
    dedup: float | None = None,
    method: str = "auto",
    limit: int = LIMIT,
) -> list[Answer]:
    """`attribute` for many questions in one pass over the pool: answers in their order.

    Errors as for `attribute`, for the first question that has one.
    """
    request = Request(encoder, mapper, k, pool, where, by, dedup, method, limit)
    return Session(store).snapshot().attribute(list(queries), request)
