"""Stores in a bucket: the rows of one in a folder, by several processes, beside faults of the network."""

import json
import re
import threading
from pathlib import Path

import pytest
from attribase.store import Store, content_id
from attribase.store.checks import check
from attribase.store.damage import find_damage
from attribase.store.erasure import erase
from attribase.store.errors import AttribaseError, NotFoundError
from attribase.store.files import RemoteFiles
from attribase.store.maintenance import compact, info
from attribase.store.marker import FORMAT, read_marker
from attribase.store.removal import remove
from attribase.store.removal_plan import plan_removal
from attribase.store.schema import TABLES

from ..s3_server import Fault
from . import writer
from .gallery import IDS, PICTURES, fill, picture_run

TIMES = {"created_at", "updated", "removed_at", "erased_at", "exported_at", "failed_at", "written_at"}


def rows_of(store):
    """The rows of every table, blobs included, without the times at which they were written."""
    found = {}
    for table in store.tables():
        names = [name for name in store.schema(table).names if name not in TIMES]
        found[table] = sorted(map(str, store.read(table, names).to_pylist()))
    return found


@pytest.fixture
def bucket(s3_uri):
    return Store.create(s3_uri)


def test_a_store_in_a_bucket_holds_what_one_in_a_folder_holds(bucket, tmp_path):
    local = fill(Store.create(tmp_path / "local"))
    assert rows_of(fill(bucket)) == rows_of(local)
    assert rows_of(Store.open(bucket.uri)) == rows_of(local)
    assert [(one.table, one.rows, one.versions) for one in info(bucket)] == [
        (one.table, one.rows, one.versions) for one in info(local)
    ]
    for one in info(bucket):
        files = RemoteFiles(bucket.uri).below(f"{one.table}.lance")
        assert one.bytes == sum(file.size for file in files) > 0


def test_the_marker_makes_the_store_and_a_killed_creation_is_none(s3, s3_uri):
    s3.disturb(Fault("slow", "PUT", r"/store\.json", times=9))
    with pytest.raises(AttribaseError, match="SlowDown"):
        Store.create(s3_uri)
    s3.disturb()
    assert read_marker(Store(Store.create(s3_uri).layout).layout).format == FORMAT
    assert Store.open(s3_uri).tables() == sorted(TABLES)


def test_a_prefix_with_tables_but_no_marker_is_no_store_unless_all_are_there(bucket):
    files = RemoteFiles(bucket.uri)
    files.delete("store.json")
    assert Store.open(bucket.uri).tables() == sorted(TABLES)  # an earlier attribase wrote no marker
    assert read_marker(bucket.layout).schema
    files.delete("store.json")
    for file in list(files.below("jobs.lance")):
        files.delete(file.name)
    with pytest.raises(NotFoundError, match="no store"):
        Store.open(bucket.uri)


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_does_not_exist_is_one_error():
    for act in (Store.create, Store.open):
        with pytest.raises(NotFoundError, match="the bucket of s3://none-of-that/x does not exist"):
            act("s3://none-of-that/x")


def test_of_threads_that_create_a_store_at_once_one_makes_each_table(s3, s3_uri):
    s3.disturb(Fault("late", "GET", "delimiter", times=4, seconds=0.5))  # all see an empty bucket
    together = threading.Barrier(4)
    counts = []

    def create(number):
        together.wait(timeout=60)
        counts.append(writer.create(s3_uri, str(number)))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [4] * 4
    store = Store.open(s3_uri)
    assert [store.count(f"vectors_e{n}") for n in range(4)] == [4] * 4
    made = re.compile(r"PUT /\S+/(\w+)\.lance/_versions/18446744073709551614\.manifest\? (\d+)")
    answers = [made.match(line).groups() for line in s3.requests() if made.match(line)]
    once = sorted(table for table, status in answers if status == "200")
    assert once == sorted([*TABLES, *(f"vectors_e{n}" for n in range(4))])
    assert "412" in {status for _, status in answers}


def test_two_processes_that_commit_the_same_keys_at_once_leave_each_key_once(s3, bucket, start):
    s3.disturb(Fault("late", "PUT", r"images\.lance/_versions", times=4, seconds=0.3))
    children = start(bucket.uri, *2 * [("images", 12, 4)])
    inserted = [int(child.communicate(timeout=600)[0]) for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert sum(inserted) == 12
    ids = bucket.read("images", ["image_id"])["image_id"].to_pylist()
    assert sorted(ids) == sorted(content_id(writer.payload(n)) for n in range(12))
    assert any(" 412 " in line for line in s3.requests())  # the second committer was refused, and began again


def test_requests_that_fail_are_repeated_and_no_row_is_doubled(s3, bucket):
    faults = [
        ("slow", "GET|HEAD", r"images\.lance"),
        ("slow", "PUT", r"images\.lance"),
        ("dropped", "GET|HEAD", r"images\.lance"),
        ("dropped", "PUT", r"images\.lance/data"),
        ("lost", "PUT", r"images\.lance/_versions"),
        ("lost", "PUT", r"images\.lance/_transactions"),
    ]
    for number, fault in enumerate(faults):
        rows = [writer.image(3 * number + n) for n in range(3)]
        s3.disturb(Fault(*fault, times=2))
        bucket.upsert("images", rows)
        ids = [row["image_id"] for row in rows]
        assert dict(bucket.blobs("images", "bytes", ids)) == {row["image_id"]: row["bytes"] for row in rows}
        assert bucket.count("images") == 3 * (number + 1), fault
        assert s3.left() == 0, fault


def test_a_server_that_only_refuses_is_one_error(s3, bucket, monkeypatch):
    monkeypatch.setenv("OBJECT_STORE_CLIENT_MAX_RETRIES", "0")
    s3.disturb(Fault("slow", times=1000))
    with pytest.raises(AttribaseError, match="cannot be reached: SlowDown: Please reduce") as caught:
        Store.open(bucket.uri)
    assert "credentials" in caught.value.hint


def test_side_files_are_objects(bucket):
    where = bucket.write_file(["onnx", "e.onnx"], b"network")
    assert where == bucket.file_uri(["onnx", "e.onnx"]) == f"{bucket.uri}/files/onnx/e.onnx"
    assert Store.open(bucket.uri).read_file(["onnx", "e.onnx"]) == b"network"
    with pytest.raises(FileNotFoundError):
        bucket.read_file(["onnx", "f.onnx"])


def test_opening_takes_one_request_and_a_version_is_read_once(s3, bucket):
    fill(bucket)
    s3.requests()
    store = Store.open(bucket.uri)
    assert [line.split()[0] for line in s3.requests()] == ["GET"]
    versions = store.versions()
    assert len(s3.requests()) <= 1 + 2 * len(versions)  # the list of tables; the newest version of each
    for table, version in versions.items():
        store.dataset(table, version)
    assert s3.requests() == []


def test_a_version_that_is_kept_open_is_not_what_a_writer_changes(bucket):
    bucket.upsert("images", [{"image_id": "a"}])
    version = bucket.versions()["images"]
    kept = bucket.dataset("images", version)
    bucket.dataset("images").delete("image_id = 'a'")
    bucket.upsert("images", [{"image_id": "b"}, {"image_id": "c"}])
    assert bucket.dataset("images", version).count_rows() == kept.count_rows() == 1
    assert bucket.count("images") == 2


def test_lost_and_cut_objects_are_found(bucket):
    fill(bucket)
    files = RemoteFiles(bucket.uri)
    (lost,) = files.below("vectors_e.lance/data")
    (cut,) = files.below("samples.lance/data")
    files.delete(lost.name)
    files.write(cut.name, files.read(cut.name)[:-60])
    found = {(damage.table, damage.file, damage.what) for damage in find_damage(bucket)}
    assert found == {
        ("vectors_e", lost.name, "is missing"),
        ("samples", cut.name, f"has {cut.size - 60} bytes instead of {cut.size}"),
    }
    assert "damaged-file" in {problem.check for problem in check(bucket)}


def test_erasing_leaves_no_byte_in_any_object(bucket):
    fill(bucket)
    gone, stays = 3, 6
    bucket.tag("before")
    files = RemoteFiles(bucket.uri)
    objects = [file.name for file in files.below()]
    assert any(picture_run(gone) in files.read(name) for name in objects)
    list(remove(bucket, plan_removal(bucket, ids=[IDS[gone]]), reason="test", erase=True))
    assert list(erase(bucket, delete_tags=True))
    left = {file.name: files.read(file.name) for file in files.below()}
    assert [name for name, data in left.items() if picture_run(gone) in data] == []
    assert any(picture_run(stays) in data for data in left.values())
    assert dict(bucket.blobs("images", "bytes", [IDS[stays]])) == {IDS[stays]: PICTURES[stays]}
    assert [problem.check for problem in check(bucket) if problem.table != "encoders"] == []


def test_tags_and_compaction_work_in_a_bucket(bucket):
    for number in range(3):
        bucket.upsert("images", [writer.image(number)])
    tag = bucket.tag("early")
    bucket.upsert("images", [writer.image(3)])
    list(compact(bucket))
    assert [one.name for one in bucket.tags()] == ["early"]
    assert bucket.dataset("images", tag.versions["images"]).count_rows() == 3
    assert (bucket.count("images"), len(bucket.dataset("images").get_fragments())) == (4, 1)


def test_jobs_go_on_where_they_stopped(bucket):
    job = bucket.jobs.plan("embed", {"encoder": "e"}, [f"i{n}" for n in range(5)], 2)
    job.finish(job.pending()[0])
    again = Store.open(bucket.uri).jobs.plan("embed", {"encoder": "e"}, [f"i{n}" for n in range(5)], 2)
    assert [shard.index for shard in again.pending()] == [1, 2]
    assert again.done_items == 2


def test_a_marker_of_something_else_is_refused(bucket):
    RemoteFiles(bucket.uri).write("store.json", json.dumps({"other": 1}).encode())
    with pytest.raises(AttribaseError, match=r"store\.json is not the marker"):
        Store.open(bucket.uri)


def test_a_local_path_is_none_of_a_bucket(bucket, tmp_path):
    with pytest.raises(AttribaseError, match="no path"):
        bucket.file("onnx", "e.onnx")
    assert list(Path(tmp_path).iterdir()) == []
