"""Keys and signatures, against the cryptography library and RFC 8032."""

import json
import stat

import pytest
from attribase.packs.canonical import to_canonical
from attribase.packs.signing import (
    SigningKey,
    check_signature,
    create_key,
    fingerprint,
    read_key,
    read_public_key,
)
from attribase.store import DataError, InvalidInputError, NotFoundError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa


def test_a_signature_is_the_one_of_rfc_8032():
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    private = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
    key = SigningKey(private, private.public_key().public_bytes_raw())
    assert key.public.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signed = key.sign(b"\x72").decode()
    assert "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" in signed
    assert check_signature(signed.encode(), b"\x72") == key.public


def test_a_key_is_read_back_and_only_its_owner_may_read_it(tmp_path):
    made = create_key(tmp_path / "office.pem")
    assert read_key(tmp_path / "office.pem").public == made.public
    assert read_public_key(tmp_path / "office.pem.pub") == made.public
    assert stat.S_IMODE((tmp_path / "office.pem").stat().st_mode) == 0o600
    assert len(fingerprint(made.public)) == 64


@pytest.mark.parametrize("taken", ["office.pem", "office.pem.pub"])
def test_a_key_is_never_replaced(tmp_path, taken):
    (tmp_path / taken).write_text("mine")
    with pytest.raises(InvalidInputError, match="exists"):
        create_key(tmp_path / "office.pem")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_what_is_no_ed25519_key_is_an_error(tmp_path):
    other = rsa.generate_private_key(65537, 2048)
    pem = serialization.Encoding.PEM
    data = other.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "rsa.pem").write_bytes(data)
    (tmp_path / "text.pem").write_text("hello")
    for name in ("rsa.pem", "text.pem"):
        with pytest.raises(InvalidInputError, match="no Ed25519 private key"):
            read_key(tmp_path / name)
        with pytest.raises(InvalidInputError, match="no Ed25519 public key"):
            read_public_key(tmp_path / name)
    with pytest.raises(NotFoundError):
        read_key(tmp_path / "none.pem")


@pytest.mark.parametrize(
    "change",
    [("Ed25519", "RSA"), ('"signature": "', '"signature": "zz'), ('"public_key": "', '"public_key": "00')],
)
def test_a_signature_that_cannot_be_one_is_an_error(key, change):
    with pytest.raises(DataError):
        check_signature(key.sign(b"data").replace(*(one.encode() for one in change)), b"data")


@pytest.mark.parametrize("field", ["public_key", "signature"])
def test_the_same_number_in_another_form_is_an_error(key, field):
    row = json.loads(key.sign(b"data"))
    for other in (row[field].upper(), f" {row[field]}", f"{row[field]}\n", row[field] + " "):
        with pytest.raises(DataError, match="not written as Attribase writes it"):
            check_signature(to_canonical(row | {field: other}), b"data")
    with pytest.raises(DataError, match="not written as Attribase writes it"):
        check_signature(to_canonical(row | {"signer": "somebody else"}), b"data")


def test_other_bytes_than_those_signed_are_an_error(key):
    with pytest.raises(DataError, match="not one of this manifest"):
        check_signature(key.sign(b"data"), b"Data")
