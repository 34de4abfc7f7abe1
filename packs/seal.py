"""Who signs packs, and what is added to the files of one: manifest, signature, time stamp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..store.layout import software_version
from .certificates import CertificateChain
from .manifest import MANIFEST, SIGNATURE, STAMP, STAMP_SIGNATURE, FileDigest, Manifest
from .signing import SigningKey, certificate_file, fingerprint, read_key
from .timestamp import check_url, request_timestamp


@dataclass(frozen=True)
class PackSigner:
    """What packs are signed with.

    Attributes:
        key: signs the manifest, the time stamp and the C2PA manifest of the picture.
        chain: the certificate of the key, for C2PA; without one the picture has no such manifest.
        timestamp_url: the authority that stamps the signature; None for none.
    """

    key: SigningKey
    chain: CertificateChain | None = None
    timestamp_url: str | None = None

    @classmethod
    def read(
        cls, key_file: Path, certificate: Path | None = None, timestamp_url: str | None = None
    ) -> PackSigner:
        """With the key in a file. Without a `certificate` the one that `keygen` wrote beside it, if any.

        Raises as `read_key` and `CertificateChain.read`; InvalidInputError for another address than http(s).
        """
        key, beside = read_key(key_file), certificate_file(key_file)
        path = certificate or (beside if beside.exists() else None)
        if timestamp_url is not None:
            check_url(timestamp_url)
        return cls(key, None if path is None else CertificateChain.read(path, key), timestamp_url)

    def describe(self) -> dict[str, str | None]:
        """The fingerprint of the key, and the name in its certificate, as `answer.json` has them."""
        return {
            "fingerprint": fingerprint(self.key.public),
            "name": None if self.chain is None else self.chain.name,
        }


def seal(files: Mapping[str, bytes], signer: PackSigner) -> dict[str, bytes]:
    """The files with the manifest of them, its signature and, where an authority is named, its time stamp.

    The stamp is of the signature's file, so it can be in neither; that the pack must have it is in the
    manifest, and the key signs it too. Raises as `request_timestamp`.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    digests = {path: FileDigest.of(data) for path, data in files.items()}
    written_by = f"attribase {software_version()}"
    manifest = Manifest(digests, created, written_by, signer.timestamp_url).to_bytes()
    sealed = {**files, MANIFEST: manifest, SIGNATURE: signer.key.sign(manifest)}
    if signer.timestamp_url is not None:
        stamp = request_timestamp(signer.timestamp_url, sealed[SIGNATURE])
        sealed |= {STAMP: stamp, STAMP_SIGNATURE: signer.key.sign(stamp)}
    return sealed
