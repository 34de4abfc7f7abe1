"""What makes evidence packs for the service: given to it from outside, as signing is no part of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..attribution.request import Question, Request
    from ..session import Snapshot

PACKED = 200
"""The most images of a pack that the service makes: printing takes 0.07 s of CPU for each."""


class PackMaker(Protocol):
    """Signs packs with one key. It can be pickled: worker processes get it as they start."""

    @property
    def signer(self) -> str:
        """The fingerprint of the key that signs: the sha256 of the public key in hexadecimal."""

    def make(self, snapshot: Snapshot, question: Question, request: Request) -> bytes:
        """The pack of the answer to a question, as a zip file. Raises as `attribute`; MissingExtraError."""
