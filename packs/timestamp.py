"""Time stamps (RFC 3161): an authority says that a signature was there at a moment."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..store import DataError, InvalidInputError
from ..store.errors import UnreachableError
from .manifest import URL
from .signing import read_bytes

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

SECONDS = 30.0
"""That an authority may take to answer."""

LARGEST = 1 << 20
"""Bytes of an answer at most."""

HINT = "try again, name another authority, or leave the time stamp out"


@dataclass(frozen=True)
class Timestamp:
    """What a time stamp says: the moment, in UTC, and whose stamp it is."""

    moment: datetime.datetime
    authority: str


def request_timestamp(url: str, data: bytes) -> bytes:
    """The answer of the authority at `url` for `data`, of which it gets the sha512 alone.

    Raises InvalidInputError for another address than http(s), UnreachableError where no good answer comes.
    """
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    request = TimestampRequestBuilder(data, HashAlgorithm.SHA512, nonce=True, cert_req=True).build()
    answer = _post(url, request.as_bytes())
    try:
        check_timestamp(answer, data, nonce=request.nonce)
    except DataError as error:
        raise UnreachableError(f"{url} gave no time stamp: {error}", hint=HINT) from error
    return answer


def check_url(url: str) -> None:
    """Raise InvalidInputError for what is no address that a manifest can name."""
    if not URL.fullmatch(url):
        raise InvalidInputError(
            f"{url!r} is no address of an authority", hint="give one that begins with http:// or https://"
        )


def check_timestamp(
    answer: bytes, data: bytes, roots: Sequence[Certificate] = (), nonce: int | None = None
) -> Timestamp:
    """What the time stamp of `data` in an authority's answer says.

    Args:
        answer: as RFC 3161 has it, DER.
        data: what was stamped.
        roots: the authorities that are trusted; without any the stamp is only compared with the certificates
            that it brings itself.
        nonce: the number that the request had.

    Raises DataError for an answer that is no stamp of `data`, or none of an authority that is trusted.
    """
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    try:
        found = decode_timestamp_response(answer)
        if found.as_bytes() != answer:
            raise DataError("the time stamp has bytes that belong to nothing")
        trusted = list(roots) or _certificates(found)
        VerifierBuilder(roots=trusted, nonce=nonce).build().verify_message(found, data)
        return Timestamp(found.tst_info.gen_time.astimezone(datetime.UTC), _authority(found))
    except (VerificationError, ValueError) as error:
        raise DataError(f"the time stamp does not hold: {error}") from error


def read_roots(path: Path) -> list[Certificate]:
    """The certificates in a PEM file. Raises NotFoundError, InvalidInputError."""
    from cryptography.x509 import load_pem_x509_certificates

    hint = "give a PEM file with the root certificate of the authority"
    try:
        return load_pem_x509_certificates(read_bytes(path, hint))
    except ValueError as error:
        raise InvalidInputError(f"{path} holds no certificate: {error}", hint=hint) from error


def _certificates(answer: TimeStampResponse) -> list[Certificate]:
    from cryptography.x509 import load_der_x509_certificate

    return [load_der_x509_certificate(one) for one in sorted(answer.signed_data.certificates)]


def _authority(answer: TimeStampResponse) -> str:
    """The name in the certificate that signed."""
    (signer,) = answer.signed_data.signer_infos
    named = [one for one in _certificates(answer) if one.serial_number == signer.serial_number]
    return named[0].subject.rfc4514_string() if named else signer.issuer.rfc4514_string()


def _post(url: str, body: bytes) -> bytes:
    from urllib.request import Request, urlopen

    check_url(url)
    request = Request(url, body, {"Content-Type": "application/timestamp-query"})  # noqa: S310 - http and https alone pass
    try:
        with urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            data: Any = response.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # URLError, timeouts, connections that end
        raise UnreachableError(f"{url} gave no time stamp: {error}", hint=HINT) from error
    if len(data) > LARGEST:
        raise UnreachableError(f"{url} answered with more than {LARGEST:,} bytes", hint=HINT)
    return bytes(data)
