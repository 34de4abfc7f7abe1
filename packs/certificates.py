"""X.509 certificates of signing keys, as C2PA needs them: made here, or given by an authority."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..store import InvalidInputError
from .signing import SigningKey, certificate_file, create_key, read_bytes

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateBuilder, KeyUsage

YEARS = 30
"""How long a certificate that is made here is valid."""

BEFORE = datetime.timedelta(hours=1)
"""It begins so much earlier, for clocks that are slow."""

LONGEST_NAME = 64
"""Characters of a name: X.509 has no longer ones."""


@dataclass(frozen=True)
class CertificateChain:
    """The certificate of a key first, then those of its issuers. `pem`: all of them as a file has them."""

    pem: bytes

    @classmethod
    def read(cls, path: Path, key: SigningKey) -> CertificateChain:
        """The chain in a PEM file. Raises NotFoundError, InvalidInputError for one of another key."""
        hint = "give a PEM file: the certificate of the key, then those of its issuers"
        found = cls(read_bytes(path, hint))
        try:
            public = found.public_key
        except ValueError as error:
            raise InvalidInputError(f"{path} holds no certificate: {error}", hint=hint) from error
        if public != key.public:
            raise InvalidInputError(f"{path} is not the certificate of the key that signs", hint=hint)
        return found

    @property
    def certificates(self) -> list[Certificate]:
        """All of them. Raises ValueError for what is no PEM of certificates."""
        from cryptography.x509 import load_pem_x509_certificates

        return load_pem_x509_certificates(self.pem)

    @property
    def public_key(self) -> bytes | None:
        """The 32 bytes of the first one's Ed25519 key; None for a key of another kind."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        public = self.certificates[0].public_key()
        return public.public_bytes_raw() if isinstance(public, Ed25519PublicKey) else None

    @property
    def name(self) -> str:
        """Whose certificate it is: the common name, or all of its names where it has none."""
        from cryptography.x509.oid import NameOID

        subject = self.certificates[0].subject
        common = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(common[0].value) if common else subject.rfc4514_string()


def create_certified_key(path: Path, name: str) -> SigningKey:
    """`create_key`, with the certificate of `name` in the file `path` with .crt. Raises as both."""
    check_name(name)
    key = create_key(path)
    target = certificate_file(path)
    try:
        target.write_bytes(create_certificate(key, name).pem)
    except OSError as error:
        raise InvalidInputError(
            f"cannot write {target}: {error.strerror}", hint="name another file"
        ) from error
    return key


def check_name(name: str) -> None:
    """Raise InvalidInputError for what cannot be a name in a certificate."""
    if not 0 < len(name.strip()) <= LONGEST_NAME or not name.isprintable():
        raise InvalidInputError(
            f"{name!r} is no name for a certificate",
            hint=f"1 to {LONGEST_NAME} characters: --name 'An office'",
        )


def create_certificate(key: SigningKey, name: str) -> CertificateChain:
    """A certificate that says that `key` is of `name`, and that of the authority which issued it.

    C2PA takes no certificate that a key issues for itself, so that an authority is made for this one: its key
    signs the certificate, and is not kept. To trust that authority is to trust this one key.

    Raises InvalidInputError for a name that is empty or too long.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID

    check_name(name)
    authority = Ed25519PrivateKey.generate()
    issuer, subject = _name(name, f"Issuer of {name}"[:LONGEST_NAME]), _name(name, name)
    root = _certificate(issuer, issuer, authority.public_key(), path_length=0)
    root = root.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    leaf = _certificate(subject, issuer, key.private.public_key(), path_length=None)
    leaf = leaf.add_extension(_usage(digital_signature=True), critical=True)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])  # C2PA 2.2, section 14.5.1
    leaf = leaf.add_extension(purpose, critical=False)
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    leaf = leaf.add_extension(issued_by, critical=False)
    chain = [one.sign(authority, None).public_bytes(Encoding.PEM) for one in (leaf, root)]
    return CertificateChain(b"".join(chain))


def _name(organisation: str, common: str) -> Any:
    from cryptography import x509

    return x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(subject: Any, issuer: Any, public: Any, path_length: int | None) -> CertificateBuilder:
    from cryptography import x509

    now = datetime.datetime.now(datetime.UTC)
    constraints = x509.BasicConstraints(ca=path_length is not None, path_length=path_length)
    return (
        x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(constraints, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(**used: bool) -> KeyUsage:
    from cryptography import x509

    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**(dict.fromkeys(names, False) | used))
