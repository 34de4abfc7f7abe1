"""Checking a pack without the store: its signature, its signer, and every file against the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..store import AttribaseError, DataError, NotFoundError
from .manifest import MANIFEST, SIGNATURE, FileDigest, Manifest, files_in
from .signing import check_signature, fingerprint

LARGEST = 1 << 26
"""Bytes of a manifest or signature at most."""


@dataclass(frozen=True)
class Finding:
    """One check: whether it holds, what was checked, and the details for people."""

    holds: bool
    check: str
    detail: str


def verify_pack(folder: Path, signer: str | None = None) -> Iterator[Finding]:
    """Check signature, signer and files, in this order.

    Args:
        folder: the pack.
        signer: the fingerprint that the signer's key must have. Without one the signature shows that nothing
            was changed since somebody signed, not who that was.

    Raises NotFoundError where there is no pack.
    """
    if not (folder / MANIFEST).is_file():
        raise NotFoundError(
            f"{folder} is no evidence pack: it has no {MANIFEST}",
            hint="name a folder that query evidence wrote",
        )
    try:
        data = _read(folder, MANIFEST)
        public = check_signature(_read(folder, SIGNATURE), data)
        manifest = Manifest.from_bytes(data)
    except AttribaseError as error:
        yield Finding(False, "signature", str(error))
        return
    yield Finding(True, "signature", f"Ed25519, of {manifest.created} by {manifest.software}")
    yield _signer(fingerprint(public), signer)
    yield from _files(folder, manifest)


def _signer(found: str, wanted: str | None) -> Finding:
    if wanted is None:
        return Finding(True, "signer", f"{found}: not compared with a key that you know (--signer)")
    if found != wanted:
        return Finding(False, "signer", f"{found} signed, not {wanted}")
    return Finding(True, "signer", found)


def _files(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    there = files_in(folder)
    for path in sorted(set(there) - set(manifest.files)):
        yield Finding(False, "files", f"{path} is not one of the signed files")
    good = 0
    for path, wanted in sorted(manifest.files.items()):
        problem = _compare(folder / path, wanted)
        good += problem is None
        if problem is not None:
            yield Finding(False, "files", f"{path} {problem}")
    if good == len(manifest.files) == len(there):
        yield Finding(True, "files", f"all {good} are as they were signed")


def _compare(path: Path, wanted: FileDigest) -> str | None:
    """What is wrong with a file; None where nothing is."""
    try:
        if path.is_symlink() or not path.is_file():
            return "is missing"
        if path.stat().st_size != wanted.size:
            return f"has {path.stat().st_size:,} bytes, {wanted.size:,} were signed"
        return None if FileDigest.of(path.read_bytes()) == wanted else "was changed"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _read(folder: Path, name: str) -> bytes:
    try:
        if (folder / name).stat().st_size > LARGEST:
            raise DataError(f"{name} has more than {LARGEST:,} bytes")
        return (folder / name).read_bytes()
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}") from error
