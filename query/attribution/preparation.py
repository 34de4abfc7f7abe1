"""What an answer reads of the store beside its question, read while the question is encoded.

A first question would wait for each in turn: the networks, the mapper, the gallery's moments (a matrix of the
square of the dimensions) and the vectors. Reading and loading leave the interpreter free, so that two cores
do them in little more than the time of the longer half. What was read before is in the snapshot's cache and
costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

from ...store.ids import vectors_table

if TYPE_CHECKING:
    from ..search import SearchSpace
    from ..session import Snapshot

TABLES = ("abstentions", "gallery_moments", "mappers")
"""The tables that are read ahead of the question, beside the vectors."""


def read_ahead(snapshot: Snapshot, space: SearchSpace) -> None:
    """Start to read what answers from this space take, once for each version of its tables.

    An error is not raised here: the answer reads the same and raises it.
    """
    encoder, mapper = space.encoder, space.mapper

    def start() -> bool:
        reads: list[Callable[[], object]] = [
            lambda: snapshot.abstention(encoder, mapper),
            lambda: snapshot.at,  # opens every table
        ]
        if space.index is None:  # else a search reads few of the vectors
            reads.append(space.load_vectors)
        for read in reads:
            Thread(target=_quietly, args=(read,), name="read-ahead").start()
        return True

    snapshot.cached(("read ahead", encoder, mapper), start, vectors_table(encoder), *TABLES)


def _quietly(read: Callable[[], object]) -> None:
    with suppress(Exception):
        read()
