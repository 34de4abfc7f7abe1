"""The manifest."""

import hashlib

import pytest
from attribase.packs.canonical import parse_canonical, to_canonical
from attribase.packs.manifest import NEEDED, FileDigest, Manifest
from attribase.store import DataError

CREATED, SOFTWARE = "2026-11-27T00:00:00Z", "attribase 0.1.0"


def manifest(*more, **changed):
    files = dict.fromkeys((*NEEDED, *more), FileDigest.of(b"x"))
    return Manifest(**{"files": files, "created": CREATED, "software": SOFTWARE, **changed})


def test_a_digest_is_size_and_sha256():
    assert FileDigest.of(b"abc") == FileDigest(3, hashlib.sha256(b"abc").hexdigest())


def test_a_manifest_is_read_back():
    made = manifest("picture.png", "picture-c2pa.png", "thumbnails/001.jpg", "certificate.pem", "answer.pdf")
    assert Manifest.from_bytes(made.to_bytes()) == made
    stamped = manifest(timestamp="http://tsa.example/tsr")
    assert Manifest.from_bytes(stamped.to_bytes()) == stamped


@pytest.mark.parametrize(
    "path",
    [
        *("../x", "/etc/passwd", "", "a/../../x", "a\\..\\x", "thumbnails/../page.html", "./page.html"),
        *("Page.html", "PAGE.HTML", "page.html ", "page.html\n", "page.html.", "page.html:stream", "con"),
        *("thumbnails/٠٠١.png", "pagе.html", "page\N{ZERO WIDTH SPACE}.html"),
        "picture.\N{RIGHT-TO-LEFT OVERRIDE}gnp",
        *("manifest.json", "signature.json", "timestamp.tsr", "thumbnails/001.png/x", "thumbnails"),
    ],
)  # fmt: skip
def test_a_name_that_no_file_of_a_pack_has_is_refused(path):
    with pytest.raises(DataError, match="no file of a pack"):
        Manifest.from_bytes(manifest(path).to_bytes())


@pytest.mark.parametrize("path", NEEDED)
def test_a_manifest_without_a_file_that_every_pack_has_is_refused(path):
    made = manifest()
    files = {name: digest for name, digest in made.files.items() if name != path}
    with pytest.raises(DataError, match="every pack has"):
        Manifest.from_bytes(manifest(files=files).to_bytes())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created", "2026-11-27T00:00:00Z\nok  signer: me"),
        ("created", "yesterday"),
        ("software", "attribase 1\x1b[2K"),
        ("software", "something else"),
        ("timestamp", "file:///etc/passwd"),
        ("timestamp", "http://a.example/\x1b[2K"),
        ("timestamp", ["http://a.example/"]),
        ("created", None),
        ("software", 1),
    ],
)
def test_texts_of_another_form_are_refused(name, value):
    with pytest.raises(DataError, match="the manifest"):
        Manifest.from_bytes(manifest(**{name: value}).to_bytes())


@pytest.mark.parametrize(
    "digest",
    [
        {"size": "1", "sha256": "0" * 64},
        {"size": 1.0, "sha256": "0" * 64},
        {"size": True, "sha256": "0" * 64},
        {"size": -1, "sha256": "0" * 64},
        {"size": 1 << 60, "sha256": "0" * 64},
        {"size": 1, "sha256": "A" * 64},
        {"size": 1, "sha256": "0" * 63},
        {"size": 1, "sha256": None},
        {"size": 1},
        {"size": 1, "sha256": "0" * 64, "more": 1},
        [],
    ],
)
def test_sizes_and_digests_of_another_form_are_refused(digest):
    row = parse_canonical(manifest().to_bytes(), "it")
    row["files"]["page.html"] = digest
    with pytest.raises(DataError, match="the manifest"):
        Manifest.from_bytes(to_canonical(row))


@pytest.mark.parametrize("number", [1, 3, "2", None, 2.0])
def test_another_format_is_refused(number):
    row = parse_canonical(manifest().to_bytes(), "it")
    with pytest.raises(DataError, match=r"format|fields"):
        Manifest.from_bytes(to_canonical(row | {"format": number}))


def test_a_field_that_no_manifest_has_is_refused():
    row = parse_canonical(manifest().to_bytes(), "it")
    with pytest.raises(DataError, match="fields"):
        Manifest.from_bytes(to_canonical(row | {"note": "approved"}))
