"""Packs as folders and as zip files: every byte of a zip counts."""

import io
import random
import resource
import struct
import zipfile

import pytest
from attribase.packs import verify_pack
from attribase.packs.container import open_pack, write_pack_files, zip_bytes
from attribase.store import ConflictError, DataError, NotFoundError


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def zipped(pack, tmp_path):
    write_pack_files(tmp_path / "a.zip", files_of(pack))
    return tmp_path / "a.zip"


def problems(path):
    return [finding.detail for finding in verify_pack(path) if not finding.holds]


def packed_by(files, *, compression=zipfile.ZIP_STORED, comment=b""):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        for name, data in sorted(files.items()):
            file.writestr(name, data)
        file.comment = comment
    return out.getvalue()


def test_a_zip_holds_what_the_folder_holds_and_other_programs_read_it(pack, zipped):
    assert not problems(zipped)
    with zipfile.ZipFile(zipped) as file:
        assert file.testzip() is None
        assert {one: file.read(one) for one in file.namelist()} == files_of(pack)


def test_the_same_files_give_the_same_bytes(pack):
    files = files_of(pack)
    assert zip_bytes(files) == zip_bytes(dict(reversed(files.items())))


def test_one_changed_byte_anywhere_in_a_zip_is_found(zipped):
    chosen, whole = random.Random(1), zipped.read_bytes()
    directory = whole.rindex(b"PK\x01\x02")
    ends = [0, 10, 14, len(whole) - 1, len(whole) - 22, *range(directory, directory + 46, 3)]
    for at in [*ends, *(chosen.randrange(len(whole)) for _ in range(60))]:
        changed = bytearray(whole)
        changed[at] ^= chosen.randrange(1, 256)
        zipped.write_bytes(bytes(changed))
        assert problems(zipped), at


def test_data_before_after_and_in_the_comment_of_a_zip_are_found(zipped, pack):
    whole = zipped.read_bytes()
    for changed in (
        b"#!/bin/sh\n" + whole,
        whole + b"\0",
        whole + whole,
        packed_by(files_of(pack), comment=b"approved"),
    ):
        zipped.write_bytes(changed)
        (problem,) = problems(zipped)
        assert "unpack it and verify the folder" in problem


def test_a_zip_that_another_program_packed_is_refused_with_what_to_do(zipped, pack):
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        zipped.write_bytes(packed_by(files_of(pack), compression=compression))
        (problem,) = problems(zipped)
        assert "unpack it and verify the folder" in problem


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_given_twice_is_refused(zipped, pack):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in sorted(files_of(pack).items()):
            file.writestr(zipfile.ZipInfo(name), data)
        file.writestr(zipfile.ZipInfo("page.html"), files_of(pack)["page.html"])
    zipped.write_bytes(out.getvalue())
    assert problems(zipped)


@pytest.mark.parametrize(
    "name", ["../escaped.txt", "/tmp/escaped.txt", "thumbnails/../../x", "Page.html", "a\\b"]
)
def test_a_file_of_a_zip_that_was_not_signed_is_refused_whatever_its_name(zipped, pack, name):
    zipped.write_bytes(zip_bytes(files_of(pack) | {name: b"x"}))
    assert problems(zipped)
    assert not (zipped.parent / "escaped.txt").exists()


def test_a_link_in_a_zip_is_refused(zipped, pack):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in sorted(files_of(pack).items()):
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = (
                3,
                (0o120777 if name == "page.html" else 0o100644) << 16,
            )
            file.writestr(entry, data)
    zipped.write_bytes(out.getvalue())
    assert problems(zipped)


def test_a_small_zip_cannot_become_a_large_one(zipped):
    bomb = packed_by({"answer.json": b"\0" * (1 << 24)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 15
    zipped.write_bytes(bomb)
    assert "not packed as Attribase packs" in problems(zipped)[0]
    # Entries that overlap: each of them is a part of the file, all together more than it.
    one = zip_bytes({"answer.json": b"\0" * 1000})
    start, directory = one.index(b"PK\x01\x02"), one[one.index(b"PK\x01\x02") : one.rindex(b"PK\x05\x06")]
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 50, 50, 50 * len(directory), start, 0)
    zipped.write_bytes(one[:start] + 50 * directory + end)
    assert problems(zipped)


def test_a_directory_of_very_many_files_is_not_read(zipped):
    """Each of its entries would take a kilobyte."""
    entry = zip_bytes({"a": b""})
    entry = entry[entry.index(b"PK\x01\x02") : entry.rindex(b"PK\x05\x06")]
    count = 100_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, count * len(entry), 0, 0)
    zipped.write_bytes(count * entry + end)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert problems(zipped)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + b"\0" * 18, b"no zip", b"PK\x03\x04" * 50])
def test_what_is_no_zip_is_refused(tmp_path, data):
    (tmp_path / "a.zip").write_bytes(data)
    assert problems(tmp_path / "a.zip")


def test_a_path_without_a_pack_is_an_error(tmp_path):
    for path in (tmp_path, tmp_path / "none.zip"):
        with pytest.raises(NotFoundError, match="no evidence pack"):
            open_pack(path)


def test_an_existing_zip_is_never_replaced(zipped, pack):
    before = zipped.read_bytes()
    with pytest.raises(ConflictError, match="is there already"):
        write_pack_files(zipped, files_of(pack))
    assert zipped.read_bytes() == before
    assert sorted(path.name for path in zipped.parent.iterdir()) == ["a.pack", "a.zip"]


def test_links_of_a_folder_are_not_followed(pack, tmp_path):
    (pack / "thumbnails").rename(tmp_path / "elsewhere")
    (pack / "thumbnails").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="is a link"):
        open_pack(pack).read("thumbnails/001.png", 1 << 20)
    assert problems(pack)


def test_a_file_is_read_up_to_its_limit(pack):
    with pytest.raises(DataError, match="more than 10 bytes"):
        open_pack(pack).read("page.html", 10)
