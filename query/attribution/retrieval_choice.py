"""Which way of retrieval takes the least time: one question after another, or one reading for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...runtime.influence import SPREAD
from ...store.ids import vectors_table
from ..search.partitions import SpacePartitions
from ..search.topk import Floats
from .kept_images import keeps_few
from .retrieval import RankedImages, RetrievalTask, retrieve_exactly, uses_index
from .retrieval_index import retrieve_through_index
from .retrieval_partitions import retrieve_through_partitions
from .retrieval_scan import retrieve_in_one_scan

if TYPE_CHECKING:
    from ..search import SearchSpace
    from ..session import Snapshot

MANY_QUESTIONS = 64
"""From so many questions on, one reading may take less time than as many searches through the index."""

MAX_SCAN_BYTES = 1 << 32
"""The largest pool that many questions scan together rather than search. Measured, a question of many: 3 ms
against 20 ms through the index for 100,000 x 512, and 35 ms against 154 ms for 1,000,000."""

EXACT_SCAN_BYTES = 1 << 29
"""Many questions are compared with all of a pool up to this size, 250,000 x 512; in a larger one with the
partitions of the index that are near: measured, a question of 1,000 takes 12 ms against 46 of 1,000,000."""

BYTES_A_QUESTION = 32 << 20
"""One question's search through the index takes about as long as reading so many bytes of vectors."""


def retrieve(
    snapshot: Snapshot, task: RetrievalTask, vectors: Floats, lines: NDArray[np.float64] | None
) -> Iterator[RankedImages]:
    """The images of each of the questions (questions, dim), with `lines` as in `retrieve_exactly`.

    ConflictError as for `SearchSpace.uses_index`.
    """
    questions, indexed = len(vectors), uses_index(task)
    if indexed and lines is None and keeps_few(task) and _partitions_pay(task, questions):
        partitions = _read_partitions(snapshot, task.space)
        if partitions is not None:
            return retrieve_through_partitions(task, partitions, vectors)
    if questions >= MANY_QUESTIONS:
        _ = task.space.ids  # read once for all
    if indexed and not _scan_pays(task, questions):
        _register_index_warmup(snapshot, task.space)
        return retrieve_through_index(task, vectors, lines)
    if questions > 1 and keeps_few(task):
        return retrieve_in_one_scan(task, vectors, lines)
    return retrieve_exactly(task, vectors, lines)


def _scan_pays(task: RetrievalTask, questions: int) -> bool:
    """Whether comparing everything once takes less time than so many searches, or answers much better.

    With lambda at 0 or below it always does: each search would go to the limit, and still be incomplete. By
    the law `spread` much of the influence is of images that no search finds, so even one question is
    compared with all images where they are not too many. So it is where nothing is calibrated and each
    owner's best match is asked for.
    """
    if task.request.method != "auto":
        return False
    law, small = task.calibration, 4 * task.space.dim * task.pool.size <= MAX_SCAN_BYTES
    if questions < MANY_QUESTIONS:
        return small and (task.request.by is not None if law is None else law.name == SPREAD)
    return small or (law is not None and law.endless)


def _partitions_pay(task: RetrievalTask, questions: int) -> bool:
    """Whether reading the pool once takes less time than so many searches, and comparing all of it more."""
    if task.request.method != "auto" or questions < MANY_QUESTIONS:
        return False
    return EXACT_SCAN_BYTES < 4 * task.space.dim * task.pool.size <= questions * BYTES_A_QUESTION


def _read_partitions(snapshot: Snapshot, space: SearchSpace) -> SpacePartitions | None:
    """The partitions of the index of a space, read once; None where its files do not say."""
    return snapshot.cached(
        ("partitions", space.encoder, space.mapper),
        lambda: SpacePartitions.read(space),
        vectors_table(space.encoder),
        "indexes",
    )


def _register_index_warmup(snapshot: Snapshot, space: SearchSpace) -> None:
    """Have the next snapshot read the index of this space before it is searched."""
    encoder, mapper = space.encoder, space.mapper
    snapshot.register_warmup(
        ("index", encoder, mapper), lambda new: new.space(encoder, mapper).open_index().warm()
    )
