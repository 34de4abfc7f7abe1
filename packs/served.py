"""Packs that the service makes: a key that worker processes get, and the answer as a zip file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .container import zip_bytes
from .signing import SigningKey, fingerprint, read_key
from .write import make_pack

if TYPE_CHECKING:
    from ..query import Question, Request, Snapshot


@dataclass(frozen=True)
class ServedPacks:
    """Makes packs with one key. See `query.service.evidence.PackMaker`.

    Attributes:
        secret: the 32 bytes of the private key; the library's own object cannot be sent to other processes.
    """

    secret: bytes = field(repr=False)

    @classmethod
    def read(cls, key: Path) -> ServedPacks:
        """With the key in a PEM file. Raises as `read_key`."""
        return cls(read_key(key).private.private_bytes_raw())

    @property
    def key(self) -> SigningKey:
        """The key that signs."""
        return SigningKey.of_secret(self.secret)

    @property
    def signer(self) -> str:
        """The fingerprint of the key that signs."""
        return fingerprint(self.key.public)

    def make(self, snapshot: Snapshot, question: Question, request: Request) -> bytes:
        """The pack as a zip file. Raises as `make_pack`."""
        _, files = make_pack(snapshot, question, request, self.key)
        return zip_bytes(files)
