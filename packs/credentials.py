"""C2PA manifests (Content Credentials): a copy of the picture that says itself which answer is about it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..runtime.formats import HEAD_BYTES, recognise
from ..store import DataError
from ..store.layout import software_version
from .certificates import CertificateChain
from .signing import SigningKey

if TYPE_CHECKING:
    from c2pa import Context

ASSERTION = "org.attribase.answer"
"""The name of what the manifest says of the answer."""

TYPES: Mapping[str, str] = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "JXL": "image/jxl",
}
"""The formats of pictures that C2PA has, by the names of `recognise`."""


def sign_picture(picture: bytes, says: Mapping[str, Any], key: SigningKey, chain: CertificateChain) -> bytes:
    """The picture with a manifest in it that holds `says`; the pixels, and a manifest of before, are kept.

    Raises DataError for a picture that cannot have one.
    """
    from c2pa import Builder, C2paBuilderIntent, C2paError, C2paSigningAlg, Signer

    kind, out = _media_type(picture), io.BytesIO()
    generator = {"name": "attribase", "version": software_version()}
    manifest = {
        "claim_generator_info": [generator],
        "assertions": [{"label": ASSERTION, "data": dict(says)}],
    }
    try:
        with (
            _context(chain) as context,
            Signer.from_callback(key.private.sign, C2paSigningAlg.ED25519, chain.pem.decode()) as signer,
            Builder(manifest, context) as builder,
        ):
            builder.set_intent(C2paBuilderIntent.EDIT)
            builder.add_ingredient({"relationship": "parentOf"}, kind, io.BytesIO(picture))
            builder.sign(signer, kind, io.BytesIO(picture), out)
    except C2paError as error:
        raise DataError(f"the picture can have no C2PA manifest: {error}") from error
    read_picture(out.getvalue(), chain)
    return out.getvalue()


def read_picture(data: bytes, chain: CertificateChain) -> dict[str, Any]:
    """What the manifest in a picture says of the answer.

    Raises DataError where there is none, it does not belong to these pixels, or was not signed with the
    certificate that `chain` begins with. Nothing is fetched from a network.
    """
    from c2pa import C2paError, Reader

    try:
        with (
            _context(chain) as context,
            Reader(_media_type(data), io.BytesIO(data), context=context) as reader,
        ):
            state, content = reader.get_validation_state(), json.loads(reader.json())
    except (C2paError, ValueError) as error:
        raise DataError(f"its C2PA manifest cannot be read: {error}") from error
    if state != "Trusted":
        codes = ", ".join(sorted({one["code"] for one in content.get("validation_status", [])}))
        raise DataError(f"its C2PA manifest does not hold: {codes or state}")
    active = content["manifests"][content["active_manifest"]]
    serial = str(chain.certificates[0].serial_number)
    if active["signature_info"]["cert_serial_number"] != serial:
        raise DataError("its C2PA manifest was signed with another certificate")
    found = [one["data"] for one in active["assertions"] if one["label"] == ASSERTION]
    if len(found) != 1 or not isinstance(found[0], dict):
        raise DataError("its C2PA manifest does not name one answer")
    return found[0]


def can_be_signed(picture: bytes) -> bool:
    """Whether the format of a picture is one that C2PA has."""
    return recognise(picture[:HEAD_BYTES]) in TYPES


def _media_type(picture: bytes) -> str:
    kind = recognise(picture[:HEAD_BYTES])
    if kind not in TYPES:
        raise DataError(f"there are no C2PA manifests in {kind or 'files of no known format'}")
    return TYPES[kind]


def _context(chain: CertificateChain) -> Context:
    """Settings: the issuers of the chain are trusted, no thumbnails, no network."""
    from c2pa import Context
    from cryptography.hazmat.primitives.serialization import Encoding

    certificates = chain.certificates
    anchors = b"".join(one.public_bytes(Encoding.PEM) for one in certificates[1:] or certificates)
    return Context.from_dict(
        {
            "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
            "builder": {"thumbnail": {"enabled": False}},
            "trust": {"user_anchors": anchors.decode()},
        }
    )
