"""The pictures of one answer, read from the store when they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .markup import data_uri, read_images
from .query_vectors import read_query_images

if TYPE_CHECKING:
    from ..session import Snapshot
    from .request import Question


@dataclass(frozen=True)
class AnswerPictures:
    """Reads the pictures of an answer to `question` at the versions of `snapshot`."""

    snapshot: Snapshot
    question: Question

    def of_question(self, side: int) -> str | None:
        """A data URI of at most `side` pixels a side; None for a raw feature and a file that is gone."""
        (data,) = read_query_images(self.snapshot, [self.question]).values()
        return data_uri(data, side=side)

    def of_images(self, ids: Sequence[str], side: int) -> dict[str, str | None]:
        """Data URIs of stored images by id; None for those that are only referenced, or broken."""
        return read_images(self.snapshot, ids, side)
