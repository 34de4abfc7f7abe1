"""Checking a pack without the store: its signature, its signer, and every file against the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..store import AttribaseError, DataError
from .container import Pack, open_pack
from .manifest import MANIFEST, SIGNATURE, UNLISTED, FileDigest, Manifest
from .signing import check_signature, fingerprint

LARGEST = 1 << 26
"""Bytes of a manifest or signature at most."""


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
    """

    signer: str | None = None


KNOWS_NOTHING = Trust()


def verify_pack(path: Path, trust: Trust = KNOWS_NOTHING) -> Iterator[Finding]:
    """Check signature, signer and files of the pack at `path`, a folder or a zip file, in this order.

    Raises NotFoundError where there is no pack.
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
    yield from _files(pack, manifest)


def _with_hint(error: AttribaseError) -> str:
    return f"{error}; {error.hint}" if error.hint else str(error)


def _signer(found: str, wanted: str | None) -> Finding:
    if wanted is None:
        return Finding(True, "signer", f"{found}: not compared with a key that you know (--signer)")
    if found != wanted:
        return Finding(False, "signer", f"{found} signed, not {wanted}")
    return Finding(True, "signer", found)


def _files(pack: Pack, manifest: Manifest) -> Iterator[Finding]:
    others = sorted(set(pack.names()) - set(manifest.files) - set(UNLISTED))
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
