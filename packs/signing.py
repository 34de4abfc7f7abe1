"""Ed25519 keys (RFC 8032) as PEM files, and signatures over the bytes of a manifest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..store import DataError, InvalidInputError, NotFoundError
from .canonical import parse_canonical, to_canonical

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = "Ed25519"


@dataclass(frozen=True)
class SigningKey:
    """A private key; `public` are the 32 bytes of its public key."""

    private: Ed25519PrivateKey
    public: bytes

    @classmethod
    def of_secret(cls, secret: bytes) -> SigningKey:
        """The key of these 32 bytes."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return _signing_key(Ed25519PrivateKey.from_private_bytes(secret))

    def sign(self, data: bytes) -> bytes:
        """The file of a signature of `data`: algorithm, public key and signature as canonical JSON."""
        return _signature_file(self.public, self.private.sign(data))


def create_key(path: Path) -> SigningKey:
    """Make a key: `path` gets the private one, readable by its owner alone, `path` with .pub the public one.

    Raises InvalidInputError where one of both, or the certificate of such a key, exists or cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public_path = public_file(path)
    for one in (path, public_path, certificate_file(path)):
        if one.exists():
            raise InvalidInputError(f"{one} exists", hint="a key is never replaced: name another file")
    private = Ed25519PrivateKey.generate()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    data = private.private_bytes(pem, form, serialization.NoEncryption())
    public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        public_path.write_bytes(public)
    except OSError as error:
        raise InvalidInputError(f"cannot write {path}: {error.strerror}", hint="name another file") from error
    return _signing_key(private)


def public_file(path: Path) -> Path:
    """Where `create_key` writes the public key of the key at `path`."""
    return path.with_name(f"{path.name}.pub")


def certificate_file(path: Path) -> Path:
    """Where `keygen` writes the certificate of the key at `path`."""
    return path.with_name(f"{path.name}.crt")


def read_key(path: Path) -> SigningKey:
    """The private key in a PEM file. NotFoundError without one, InvalidInputError for another content."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    hint = "make one: attribase keygen FILE"
    try:
        private = load_pem_private_key(read_bytes(path, hint), None)
    except (ValueError, TypeError) as error:  # TypeError: it has a password
        raise InvalidInputError(f"{path} is no {ALGORITHM} private key: {error}", hint=hint) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise InvalidInputError(f"{path} is no {ALGORITHM} private key", hint=hint)
    return _signing_key(private)


def read_public_key(path: Path) -> bytes:
    """The 32 bytes of the public key in a PEM file. Errors as `read_key`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    hint = "give the file that `attribase keygen FILE` wrote as FILE.pub"
    try:
        public = load_pem_public_key(read_bytes(path, hint))
    except ValueError as error:
        raise InvalidInputError(f"{path} is no {ALGORITHM} public key: {error}", hint=hint) from error
    if not isinstance(public, Ed25519PublicKey):
        raise InvalidInputError(f"{path} is no {ALGORITHM} public key", hint=hint)
    return public.public_bytes_raw()


def fingerprint(public: bytes) -> str:
    """The sha256 of a public key, in hexadecimal: what people compare."""
    return hashlib.sha256(public).hexdigest()


def check_signature(signature: bytes, data: bytes, what: str = "this manifest") -> bytes:
    """The public key that signed `data`, which is `what`. Raises DataError where it is another signature."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    row: Mapping[str, Any] = parse_canonical(signature, "the signature")
    try:
        if row["algorithm"] != ALGORITHM:
            raise DataError(f"the signature is by {row['algorithm']!r}, not {ALGORITHM}")
        public, signed = bytes.fromhex(row["public_key"]), bytes.fromhex(row["signature"])
        if _signature_file(public, signed) != signature:  # capital letters, blanks, more fields
            raise DataError("the signature is not written as Attribase writes it")
        Ed25519PublicKey.from_public_bytes(public).verify(signed, data)
    except InvalidSignature as error:
        raise DataError(f"the signature is not one of {what}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the signature cannot be read: {error}") from error
    return public


def _signature_file(public: bytes, signed: bytes) -> bytes:
    return to_canonical({"algorithm": ALGORITHM, "public_key": public.hex(), "signature": signed.hex()})


def _signing_key(private: Ed25519PrivateKey) -> SigningKey:
    return SigningKey(private, private.public_key().public_bytes_raw())


def read_bytes(path: Path, hint: str) -> bytes:
    """The bytes of a file. Raises NotFoundError with this hint where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(f"cannot read {path}: {error.strerror}", hint=hint) from error
