"""Checking a pack without the store: signature, signer, time stamp, every file, and what the picture says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..store import AttribaseError, DataError
from .canonical import parse_canonical
from .certificates import CertificateChain
from .container import Pack, open_pack
from .credentials import read_picture
from .manifest import (
    ANSWER,
    CERTIFICATE,
    MANIFEST,
    SIGNATURE,
    SIGNED_PICTURE,
    STAMP,
    STAMP_SIGNATURE,
    UNLISTED,
    FileDigest,
    Manifest,
)
from .signing import check_signature, fingerprint
from .timestamp import check_timestamp

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

LARGEST = 1 << 26
"""Bytes of a manifest, a signature or a time stamp at most."""


@dataclass(frozen=True)
class Finding:
    """One check: whether it holds, what was checked, and the details for people."""

    holds: bool
    check: str
    detail: str


@dataclass(frozen=True)
class Trust:
    """What the one who verifies knows already.

    Attributes:
        signer: the fingerprint that the signer's key must have. Without one the signature shows that nothing
            was changed since somebody signed, not who that was.
        timestamp_roots: certificates of authorities whose time stamps count. Without any a stamp is only
            compared with the certificates that it brings itself.
    """

    signer: str | None = None
    timestamp_roots: Sequence[Certificate] = ()


KNOWS_NOTHING = Trust()


def verify_pack(path: Path, trust: Trust = KNOWS_NOTHING) -> Iterator[Finding]:
    """Check the pack at `path`, a folder or a zip file: a finding for each part, that of files last but one.

    Raises NotFoundError where there is no pack; MissingExtraError without the extra `evidence`.
    """
    try:
        pack = open_pack(path)
        data = pack.read(MANIFEST, LARGEST)
        public = check_signature(pack.read(SIGNATURE, LARGEST), data)
        manifest = Manifest.from_bytes(data)
    except DataError as error:
        yield Finding(False, "signature", _with_hint(error))
        return
    yield Finding(True, "signature", f"Ed25519, of {manifest.created} by {manifest.software}")
    yield _signer(fingerprint(public), trust.signer)
    yield from _time_stamp(pack, manifest, public, trust)
    good = True
    for finding in _files(pack, manifest):
        good &= finding.holds
        yield finding
    if good:
        yield from _contents(pack, manifest, public)


def _with_hint(error: AttribaseError) -> str:
    return f"{error}; {error.hint}" if error.hint else str(error)


def _signer(found: str, wanted: str | None) -> Finding:
    if wanted is None:
        return Finding(True, "signer", f"{found}: not compared with a key that you know (--signer)")
    if found != wanted:
        return Finding(False, "signer", f"{found} signed, not {wanted}")
    return Finding(True, "signer", found)


def _time_stamp(pack: Pack, manifest: Manifest, public: bytes, trust: Trust) -> Iterator[Finding]:
    """The stamp, where the manifest says that there is one; without that such files are not signed ones."""
    if manifest.timestamp is None:
        return
    try:
        stamp, seal = pack.read(STAMP, LARGEST), pack.read(STAMP_SIGNATURE, LARGEST)
        if check_signature(seal, stamp, "this time stamp") != public:
            raise DataError("another key signed the time stamp")
        found = check_timestamp(stamp, pack.read(SIGNATURE, LARGEST), trust.timestamp_roots)
    except DataError as error:
        yield Finding(False, "time stamp", str(error))
        return
    known = "" if trust.timestamp_roots else ": not compared with one that you know (--timestamp-root)"
    moment = found.moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    yield Finding(True, "time stamp", f"{moment} by {found.authority}{known}")


def _files(pack: Pack, manifest: Manifest) -> Iterator[Finding]:
    unlisted = UNLISTED if manifest.timestamp else (MANIFEST, SIGNATURE)
    others = sorted(set(pack.names()) - set(manifest.files) - set(unlisted))
    for path in others:
        yield Finding(False, "files", f"{path} is not one of the signed files")
    good = 0
    for path, wanted in sorted(manifest.files.items()):
        problem = _compare(pack, path, wanted)
        good += problem is None
        if problem is not None:
            yield Finding(False, "files", problem)
    if good == len(manifest.files) and not others:
        yield Finding(True, "files", f"all {good} are as they were signed")


def _compare(pack: Pack, path: str, wanted: FileDigest) -> str | None:
    """What is wrong with a file; None where nothing is."""
    try:
        found = FileDigest.of(pack.read(path, wanted.size))
    except DataError as error:
        return str(error)
    if found.size != wanted.size:
        return f"{path} has {found.size:,} bytes, {wanted.size:,} were signed"
    return None if found == wanted else f"{path} was changed"


def _contents(pack: Pack, manifest: Manifest, public: bytes) -> Iterator[Finding]:
    """Whether the files agree with each other: who signed, and what the picture says of the answer."""
    answer = pack.read(ANSWER, manifest.files[ANSWER].size)
    try:
        named = _named_signer(parse_canonical(answer, ANSWER))
    except DataError as error:
        yield Finding(False, "answer", str(error))
        return
    if named != fingerprint(public):
        yield Finding(False, "signer", f"{ANSWER} names {named}, another key signed")
    signed = [path for path in manifest.files if path.startswith(SIGNED_PICTURE)]
    if not signed:
        return
    try:
        detail = _signed_picture(pack, manifest, signed, public)
    except DataError as error:
        yield Finding(False, "C2PA", f"{signed[0]}: {error}")
    else:
        yield Finding(True, "C2PA", detail)


def _named_signer(answer: Mapping[str, Any]) -> str:
    try:
        return str(answer["signer"]["fingerprint"])
    except (KeyError, TypeError) as error:
        raise DataError(f"{ANSWER} names no key that signed it") from error


def _signed_picture(pack: Pack, manifest: Manifest, signed: Sequence[str], public: bytes) -> str:
    """Whose C2PA manifest names the answer and the picture of this pack. Raises DataError."""
    pictures = [path for path in manifest.files if path.partition(".")[0] == "picture"]
    if len(signed) != 1 or len(pictures) != 1 or CERTIFICATE not in manifest.files:
        raise DataError(f"there are not one picture, one with a manifest and {CERTIFICATE}")
    chain = CertificateChain(pack.read(CERTIFICATE, LARGEST))
    try:
        if chain.public_key != public:
            raise DataError(f"{CERTIFICATE} is not of the key that signed the pack")
    except ValueError as error:
        raise DataError(f"{CERTIFICATE} cannot be read: {error}") from error
    says = read_picture(pack.read(signed[0], manifest.files[signed[0]].size), chain)
    wanted = {"sha256": ANSWER, "picture_sha256": pictures[0]}
    for name, path in wanted.items():
        if says.get(name) != manifest.files[path].sha256:
            raise DataError(f"its C2PA manifest is of another {path}")
    return f"{signed[0]} names this answer, signed with the certificate of {chain.name}"
