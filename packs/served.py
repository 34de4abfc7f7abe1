"""Packs that the service makes: a key that worker processes get, and the answer as a zip file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .certificates import CertificateChain
from .container import zip_bytes
from .seal import PackSigner
from .signing import SigningKey, fingerprint
from .write import make_pack

if TYPE_CHECKING:
    from ..query import Question, Request, Snapshot


@dataclass(frozen=True)
class ServedPacks:
    """Makes packs with one key. See `query.service.evidence.PackMaker`.

    Attributes:
        secret: the 32 bytes of the private key; the library's own object cannot be sent to other processes.
        chain: its certificate, as of `PackSigner`.
        timestamp_url: likewise.
    """

    secret: bytes = field(repr=False)
    chain: CertificateChain | None = None
    timestamp_url: str | None = None

    @classmethod
    def of(cls, signer: PackSigner) -> ServedPacks:
        """With what `signer` signs with."""
        return cls(signer.key.private.private_bytes_raw(), signer.chain, signer.timestamp_url)

    @property
    def signer(self) -> str:
        """The fingerprint of the key that signs."""
        return fingerprint(SigningKey.of_secret(self.secret).public)

    def make(self, snapshot: Snapshot, question: Question, request: Request) -> bytes:
        """The pack as a zip file. Raises as `make_pack`."""
        signer = PackSigner(SigningKey.of_secret(self.secret), self.chain, self.timestamp_url)
        return zip_bytes(make_pack(snapshot, question, request, signer).files)
