"""The manifest."""

import hashlib

import pytest
from attribase.packs.manifest import FileDigest, Manifest, files_in
from attribase.store import DataError


def test_a_digest_is_size_and_sha256():
    assert FileDigest.of(b"abc") == FileDigest(3, hashlib.sha256(b"abc").hexdigest())


def test_a_manifest_is_read_back():
    manifest = Manifest({"a/b.txt": FileDigest.of(b"x")}, "2026-11-27T00:00:00Z", "attribase 1")
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "", "a/../../x", "a\\..\\x"])
def test_a_path_that_leaves_the_pack_is_refused(path):
    data = Manifest({path: FileDigest.of(b"")}, "now", "attribase 1").to_bytes()
    with pytest.raises(DataError, match="no file of a pack"):
        Manifest.from_bytes(data)


def test_a_newer_format_is_refused():
    data = Manifest({}, "now", "attribase 1").to_bytes().replace(b'"format": 1', b'"format": 2')
    with pytest.raises(DataError, match="format 2"):
        Manifest.from_bytes(data)


def test_links_count_as_files(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("a")
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    assert files_in(tmp_path) == ["link", "sub/a"]
