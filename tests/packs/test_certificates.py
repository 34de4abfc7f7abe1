"""Certificates of signing keys, and C2PA manifests that are signed with them."""

import datetime
import io
import json

import c2pa
import pytest
from attribase.packs import CertificateChain, PackSigner, create_certified_key, create_key
from attribase.packs.certificates import create_certificate
from attribase.packs.credentials import ASSERTION, can_be_signed, read_picture, sign_picture
from attribase.packs.manifest import Manifest
from attribase.store import DataError, InvalidInputError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image

from .conftest import png

SAYS = {"sha256": "0" * 64}


def encoded(name):
    out = io.BytesIO()
    Image.new("RGB", (48, 32), (200, 30, 30)).save(out, name)
    return out.getvalue()


def test_keygen_writes_a_certificate_of_the_key_that_its_authority_signed(key, key_file):
    chain = CertificateChain.read(key_file.with_name("office.pem.crt"), key)
    leaf, root = chain.certificates
    assert chain.public_key == key.public
    assert chain.name == "The office"
    leaf.verify_directly_issued_by(root)
    assert leaf.issuer != leaf.subject
    assert leaf.not_valid_after_utc - datetime.datetime.now(datetime.UTC) > datetime.timedelta(days=10_000)
    assert PackSigner.read(key_file).chain == chain


def test_a_certificate_of_another_key_is_refused(key_file, tmp_path):
    create_certified_key(tmp_path / "other.pem", "Another")
    with pytest.raises(InvalidInputError, match="not the certificate of the key"):
        PackSigner.read(key_file, tmp_path / "other.pem.crt")
    with pytest.raises(InvalidInputError, match="holds no certificate"):
        PackSigner.read(key_file, key_file)


def test_a_certificate_of_another_kind_of_key_is_refused(key_file, tmp_path):
    private, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, private.public_key(), 1, now, now).sign(private, SHA256())
    (tmp_path / "ec.crt").write_bytes(made.public_bytes(Encoding.PEM))
    with pytest.raises(InvalidInputError, match="not the certificate of the key"):
        PackSigner.read(key_file, tmp_path / "ec.crt")


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "line\nbreak"])
def test_a_name_that_no_certificate_has_is_refused_before_a_key_is_written(tmp_path, name):
    with pytest.raises(InvalidInputError, match="no name for a certificate"):
        create_certified_key(tmp_path / "a.pem", name)
    assert not list(tmp_path.iterdir())


def test_a_key_without_a_certificate_signs_without_c2pa(tmp_path):
    create_key(tmp_path / "old.pem")
    assert PackSigner.read(tmp_path / "old.pem").chain is None


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_a_picture_says_what_it_was_given_and_keeps_its_pixels(signer, name):
    data = encoded(name)
    signed = sign_picture(data, SAYS, signer.key, signer.chain)
    assert read_picture(signed, signer.chain) == SAYS
    before, after = (Image.open(io.BytesIO(one)).convert("RGB").tobytes() for one in (data, signed))
    assert before == after


def test_any_program_that_knows_c2pa_reads_it(signer):
    signed = sign_picture(png(7), SAYS, signer.key, signer.chain)
    with c2pa.Reader("image/png", io.BytesIO(signed)) as reader:
        content = json.loads(reader.json())
    assert content["validation_state"] == "Valid"  # signed by whom is for its user to know
    manifest = content["manifests"][content["active_manifest"]]
    assert manifest["signature_info"]["issuer"] == "The office"
    assert [one["data"] for one in manifest["assertions"] if one["label"] == ASSERTION] == [SAYS]
    assert [one["relationship"] for one in manifest["ingredients"]] == ["parentOf"]


def test_a_picture_that_had_a_manifest_keeps_it(signer):
    once = sign_picture(png(7), {"sha256": "1" * 64}, signer.key, signer.chain)
    twice = sign_picture(once, SAYS, signer.key, signer.chain)
    assert read_picture(twice, signer.chain) == SAYS
    with c2pa.Reader("image/png", io.BytesIO(twice)) as reader:
        assert len(json.loads(reader.json())["manifests"]) == 2


def test_another_certificate_of_the_same_key_is_no_signer(signer):
    signed = sign_picture(png(7), SAYS, signer.key, signer.chain)
    with pytest.raises(DataError, match=r"signingCredential.untrusted"):
        read_picture(signed, create_certificate(signer.key, "The office"))


def test_changed_pixels_and_pictures_without_a_manifest_are_refused(signer):
    signed = bytearray(sign_picture(png(7), SAYS, signer.key, signer.chain))
    signed[-20] ^= 1
    with pytest.raises(DataError, match="does not hold"):
        read_picture(bytes(signed), signer.chain)
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(png(7), signer.chain)


def test_a_format_that_c2pa_has_not_is_told(signer):
    data = encoded("BMP")
    assert not can_be_signed(data)
    with pytest.raises(DataError, match="no C2PA manifests in BMP"):
        sign_picture(data, SAYS, signer.key, signer.chain)
    with pytest.raises(DataError, match="can have no C2PA manifest"):
        sign_picture(b"\x89PNG\r\n\x1a\n" + b"x" * 60, SAYS, signer.key, signer.chain)


def test_the_picture_of_a_pack_names_its_answer(pack, signer):
    files = Manifest.from_bytes((pack / "manifest.json").read_bytes()).files
    says = read_picture((pack / "picture-c2pa.png").read_bytes(), signer.chain)
    assert (says["sha256"], says["picture_sha256"]) == (
        files["answer.json"].sha256,
        files["picture.png"].sha256,
    )
    assert "This is no proof." in says["limits"]
