"""Shards of WebDataset and img2dataset, tars and zips of images."""

import io
import json
import os
import tarfile
import zipfile

import pytest
from attribase.ingest.images import ImageRecord, ingest_images, open_source
from attribase.store import InvalidInputError

from ..stored import failures_of, ingest, read_all, reasons


def write_tar(path, files, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def samples(make_picture, count=3):
    files = {}
    for number in range(count):
        key = f"{number:09}"
        fields = {"url": f"https://e.x/{number}.jpg", "key": key, "status": "success", "LICENSE": "cc0"}
        files[f"{key}.jpg"] = make_picture(number, kind="JPEG")
        files[f"{key}.json"] = json.dumps({**fields, "caption": f"text {number}"}).encode()
        files[f"{key}.txt"] = f"text {number}".encode()
    return files


@pytest.mark.parametrize(("name", "mode"), [("s.tar", "w"), ("s.tar.gz", "w:gz"), ("s.tgz", "w:gz")])
def test_samples_of_a_shard_have_their_siblings(tmp_path, make_picture, name, mode):
    files = samples(make_picture)
    write_tar(tmp_path / name, files, mode)
    read = read_all(tmp_path / name)
    assert list(read) == [f"{tmp_path}/{name}#{number:09}.jpg" for number in range(3)]
    record = read[f"{tmp_path}/{name}#000000001.jpg"]
    assert record.data == files["000000001.jpg"]
    assert (record.uri, record.caption, record.license) == ("https://e.x/1.jpg", "text 1", "cc0")
    assert record.metadata == {"key": "000000001", "status": "success"}


def test_classes_images_of_one_key_and_other_members(tmp_path, make_picture):
    files = {
        "./train/a.cls": b"frog\n",
        "./train/a.png": make_picture(1),
        "./train/a.mask.png": make_picture(2),
        "./train/a.npy": b"x",
        "./train/.hidden.png": b"x",
        "./lonely.npy": b"x",
        "./unknown": make_picture(3),
        os.fsdecode(b"caf\xe9.png"): make_picture(4),
    }
    write_tar(tmp_path / "x.tar", files)
    read = {item.partition("#")[2]: found for item, found in read_all(tmp_path / "x.tar").items()}
    images = {item: found for item, found in read.items() if isinstance(found, ImageRecord)}
    assert set(images) == {
        "././train/a.png", "././train/a.mask.png", "././unknown", "./caf%E9.png"
    }  # fmt: skip
    assert images["././train/a.png"].category == "frog"
    assert images["././train/a.png"].uri == f"{tmp_path}/x.tar#././train/a.png"
    assert reasons(read) == {"././lonely.npy": "not-an-image"}


def test_a_sample_that_was_not_downloaded_is_a_failure(tmp_path):
    fields = {"url": "https://e.x/0.jpg", "status": "failed_to_download", "error_message": "HTTP 404"}
    write_tar(tmp_path / "x.tar", {"0.json": json.dumps(fields).encode()})
    read = read_all(tmp_path / "x.tar")
    assert reasons(read) == {f"{tmp_path}/x.tar#0.json": "download-failed"}
    assert read[f"{tmp_path}/x.tar#0.json"].detail == "HTTP 404"


@pytest.mark.parametrize("kind", ["middle", "boundary", "gz"])
def test_of_a_shard_that_was_cut_off_the_whole_samples_go_in(store, tmp_path, make_picture, kind):
    files = {f"{n}.png": make_picture(n, (40, 40)) for n in range(3)}
    path = tmp_path / ("x.tar.gz" if kind == "gz" else "x.tar")
    write_tar(path, files, "w:gz" if kind == "gz" else "w")
    with tarfile.open(path) as tar:
        last = tar.getmember("2.png")
    whole = path.read_bytes()
    path.write_bytes(whole[: {"middle": last.offset_data + 99, "boundary": last.offset, "gz": -3000}[kind]])
    ingest(store, path)
    assert store.count("images") == 2
    assert failures_of(store) == {str(path): "truncated"}


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    for name in ("x.tar", "x.zip", "x.tar.gz"):
        (tmp_path / name).write_bytes(b"nothing of the kind" * 99)
        with pytest.raises(InvalidInputError, match="is not an archive"):
            open_source(str(tmp_path / name))


def test_a_stopped_job_over_a_shard_goes_on_after_its_last_commit(store, tmp_path, make_picture):
    write_tar(tmp_path / "x.tar", samples(make_picture, 5))
    steps = ingest_images(store, open_source(str(tmp_path / "x.tar")), "gallery", shard_size=2)
    assert [next(steps).done for _ in range(2)] == [0, 2]
    steps.close()
    assert [step.done for step in ingest(store, tmp_path / "x.tar", shard_size=2)] == [2, 4, 5]
    assert store.count("images") == 5


def test_a_part_of_diffusiondb_has_its_prompts(tmp_path, make_picture):
    row = {"p": "a red frog", "se": 4183400434, "c": 7.0, "st": 50, "sa": "k_lms"}
    with zipfile.ZipFile(tmp_path / "part-000001.zip", "w") as archive:
        archive.writestr("x.png", make_picture(1))
        archive.writestr("part-000001.json", json.dumps({"x.png": row}))
    (record,) = read_all(tmp_path / "part-000001.zip").values()
    assert (record.caption, record.data) == ("a red frog", make_picture(1))
    assert record.metadata == {"seed": 4183400434, "guidance": 7.0, "steps": 50, "sampler": "k_lms"}


def test_a_damaged_member_of_a_zip_is_one_failure(tmp_path, make_picture):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.png", make_picture(1))
        archive.writestr("b.png", make_picture(2))
    data = bytearray((tmp_path / "x.zip").read_bytes())
    data[60] ^= 255
    (tmp_path / "x.zip").write_bytes(data)
    assert reasons(read_all(tmp_path / "x.zip")) == {f"{tmp_path}/x.zip#a.png": "unreadable"}


def test_given_columns_name_fields_of_the_samples(tmp_path, make_picture):
    files = {"a.png": make_picture(1), "a.json": json.dumps({"by": "Ann", "page": "https://e.x"}).encode()}
    write_tar(tmp_path / "x.tar", files)
    (record,) = read_all(tmp_path / "x.tar", {"creator": "by", "uri": "page"}).values()
    assert (record.creator, record.uri) == ("Ann", "https://e.x")


def test_links_in_a_tar_are_the_files_that_they_lead_to(tmp_path, make_picture):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        info = tarfile.TarInfo("d/a.png")
        info.size = len(make_picture(1))
        tar.addfile(info, io.BytesIO(make_picture(1)))
        for name, kind, target in (
            ("hard.png", tarfile.LNKTYPE, "d/a.png"),
            ("d/soft.png", tarfile.SYMTYPE, "a.png"),
            ("out.png", tarfile.SYMTYPE, "/etc/passwd"),
        ):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            tar.addfile(link)
    read = read_all(tmp_path / "x.tar")
    assert {item.partition("#")[2]: found.data for item, found in read.items()} == {
        "d/a.png": make_picture(1),
        "hard.png": make_picture(1),
        "d/soft.png": make_picture(1),
    }
