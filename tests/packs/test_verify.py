"""Checking a pack: every byte of every file counts."""

import random

import pytest
from attribase.packs import Trust, create_key, fingerprint, verify_pack
from attribase.packs.container import write_folder
from attribase.packs.seal import PackSigner, seal
from attribase.store import NotFoundError


def problems(pack, signer=None):
    return [finding for finding in verify_pack(pack, Trust(signer)) if not finding.holds]


def test_a_pack_as_it_was_written_holds(pack, key):
    assert not problems(pack)
    assert not problems(pack, fingerprint(key.public))


def test_one_changed_byte_is_found_in_every_file(pack):
    chosen = random.Random(0)
    for path in sorted(path for path in pack.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        for at in {0, len(whole) - 1, *(chosen.randrange(len(whole)) for _ in range(6))}:
            changed = bytearray(whole)
            changed[at] ^= chosen.randrange(1, 256)
            path.write_bytes(bytes(changed))
            assert problems(pack), f"{path.name} at {at}"
        path.write_bytes(whole)
    assert not problems(pack)


def test_files_that_are_added_missing_or_links_are_found(pack):
    (pack / "more.txt").write_text("x")
    assert "more.txt is not one of the signed files" in [one.detail for one in problems(pack)]
    (pack / "more.txt").unlink()
    page = (pack / "page.html").rename(pack.parent / "page.html")
    assert "page.html is missing" in [one.detail for one in problems(pack)]
    (pack / "page.html").symlink_to(page)
    assert "page.html is a link" in [one.detail for one in problems(pack)]


def test_a_pack_that_somebody_else_signed_anew_is_found_by_the_signer(pack, key, tmp_path):
    other = create_key(tmp_path / "other.pem")
    files = {
        path.relative_to(pack).as_posix(): path.read_bytes()
        for path in pack.rglob("*")
        if path.is_file() and path.name not in ("manifest.json", "signature.json")
    }
    write_folder(pack, seal(files, PackSigner(other)))
    found = [(one.check, one.detail) for one in problems(pack, fingerprint(key.public))]
    assert [check for check, _ in found] == ["signer", "signer", "C2PA"]
    assert fingerprint(other.public) in found[0][1]
    assert "not of the key that signed" in found[2][1]
    (problem,) = [one for one in problems(pack) if one.check == "signer"]
    assert problem.detail == f"answer.json names {fingerprint(key.public)}, another key signed"


def test_a_folder_that_is_no_pack_is_an_error(tmp_path):
    with pytest.raises(NotFoundError, match="no evidence pack"):
        list(verify_pack(tmp_path))


@pytest.mark.parametrize("name", ["manifest.json", "signature.json"])
def test_a_huge_manifest_is_not_read(pack, name):
    with (pack / name).open("r+b") as file:
        file.truncate(1 << 30)
    assert "bytes" in problems(pack)[0].detail
