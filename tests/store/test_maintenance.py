import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from attribase.store import content_id, mapped_column
from attribase.store.checks import check
from attribase.store.errors import NotFoundError
from attribase.store.maintenance import compact, info

DATA = b"an image"
IMAGE = content_id(DATA)
ONNX = b"a network"


def exported(encoder, file, sha256):
    """The row of an encoder with one file."""
    files = [{"file": file, "sha256": sha256, "role": "model", "bytes": len(ONNX)}]
    row = {"encoder": encoder, "dim": 2, "onnx_file": file, "onnx_sha256": sha256}
    return row | {"files": json.dumps(files)}


@pytest.fixture
def sound(store):
    """A small store in which everything fits together."""
    store.upsert("images", [{"image_id": IMAGE, "bytes": DATA}, {"image_id": "referenced", "uri": "u"}])
    store.upsert("members", [{"collection": "gallery", "image_id": IMAGE}])
    store.upsert("models", [{"model_id": "m", "method": "none", "exemplar_ids": [IMAGE, "referenced"]}])
    store.upsert(
        "samples",
        [
            {"sample_id": "s", "model_id": "m", "bytes": b"x"},
            {"sample_id": "bad", "model_id": "m", "bytes": b""},
        ],
    )
    store.upsert("runs", [{"run_id": "r", "encoder": "e", "mapper": "none"}])
    store.upsert("ranks", [{"run_id": "r", "sample_id": "s", "image_id": IMAGE, "rank": 1}])
    store.write_file(["onnx", "e.onnx"], ONNX)
    store.upsert("encoders", [exported("e", "onnx/e.onnx", content_id(ONNX))])
    table = store.ensure_vectors("e", 2)
    store.upsert(table, [{"item_id": IMAGE, "item_kind": "image", "base": [1, 0]}])
    store.upsert(table, [{"item_id": "s", "item_kind": "sample", "base": [0, 1]}])
    views = store.ensure_views("e", 2)
    store.upsert(views, [{"item_id": "s", "view": 0, "base": [0, 1]}])
    store.record_failures("embed:e", [("bad", "empty", "")])
    store.upsert("mappers", [{"mapper_id": "1", "encoder": "e", "mapper": "tuned"}])
    store.set_vector_column(
        table, mapped_column("tuned"), lambda batch: batch["base"].flatten().to_numpy().reshape(-1, 2)
    )
    job = store.jobs.plan("embed", {}, ["a"], 1)
    job.finish(job.pending()[0])
    return store


BREAKS = {
    "sample-without-model": ("samples", {"sample_id": "q", "model_id": "lost"}, "q"),
    "member-without-image": ("members", {"collection": "gallery", "image_id": "lost"}, "lost"),
    "model-without-exemplar": (
        "models",
        {"model_id": "q", "method": "x", "exemplar_ids": [IMAGE, "lost"]},
        "q",
    ),
    "rank-without-sample": (
        "ranks",
        {"run_id": "r", "sample_id": "lost", "image_id": IMAGE, "rank": 1},
        "lost",
    ),
    "rank-without-image": ("ranks", {"run_id": "r", "sample_id": "s", "image_id": "lost", "rank": 2}, "lost"),
    "rank-without-run": ("ranks", {"run_id": "lost", "sample_id": "s", "image_id": IMAGE, "rank": 1}, "lost"),
    "vector-without-item": (
        "vectors_e",
        {"item_id": "lost", "item_kind": "image", "base": [1, 1], "mapped_tuned": [1, 1]},
        "lost",
    ),
    "missing-vector": ("samples", {"sample_id": "q", "model_id": "m", "bytes": b"y"}, "q"),
    "unmapped-vector": (
        "vectors_e",
        {"item_id": "referenced", "item_kind": "image", "base": [1, 1]},
        "referenced",
    ),
    "shared-column": ("mappers", {"mapper_id": "2", "encoder": "e", "mapper": "Tuned"}, "Tuned"),
    "onnx-missing": (
        "encoders",
        exported("e2", "onnx/lost.onnx", "0"),
        "e2",
    ),
}


def test_a_sound_store_has_no_problems(sound):
    assert check(sound) == []


def test_a_new_store_has_no_problems(store):
    assert check(store) == []


@pytest.mark.parametrize("name", BREAKS)
def test_each_kind_of_orphan_is_found_counted_and_named(sound, name):
    table, row, example = BREAKS[name]
    sound.upsert(table, [row])
    found = {problem.check: problem for problem in check(sound)}
    assert example in found[name].examples
    assert found[name].count >= 1
    assert found[name].hint
    assert found.keys() <= {name, "missing-vector"}  # a second encoder has embedded nothing


def test_views_without_item_are_found(sound):
    sound.upsert("views_e", [{"item_id": "lost", "view": n, "base": [1, 1]} for n in range(3)])
    (problem,) = check(sound)
    assert (problem.check, problem.table, problem.count) == ("vector-without-item", "views_e", 1)


def test_an_encoder_without_vectors_misses_all_of_them(sound):
    sound.upsert("encoders", [{"encoder": "new", "dim": 3}])
    (problem,) = check(sound)
    assert (problem.check, problem.table, problem.count) == ("missing-vector", "vectors_new", 3)
    assert "embed --encoder new" in problem.hint


def test_changed_bytes_are_found_by_their_hash(sound):
    sound.upsert("images", [{"image_id": IMAGE, "bytes": DATA + b"!"}], update=True)
    (problem,) = check(sound)
    assert (problem.check, problem.examples) == ("wrong-hash", (IMAGE,))
    assert check(sound, read_bytes=False) == []


def test_a_changed_file_beside_a_model_is_found_by_its_hash(sound):
    """Weights that do not fit into the model's file are as much a part of the encoder."""
    listed = [{"file": "onnx/e.onnx", "sha256": content_id(ONNX), "role": "model", "bytes": len(ONNX)}]
    listed.append({"file": "onnx/w.data", "sha256": content_id(b"w"), "role": "weights", "bytes": 1})
    sound.write_file(["onnx", "w.data"], b"w")
    row = sound.read("encoders", where="encoder = 'e'").to_pylist()[0]
    sound.upsert("encoders", [row | {"files": json.dumps(listed)}], update=True)
    assert not list(check(sound))
    sound.write_file(["onnx", "w.data"], b"v")
    (problem,) = check(sound)
    assert (problem.check, problem.examples) == ("onnx-changed", ("e",))
    assert "w.data" in problem.message


def test_a_changed_onnx_file_is_found_by_its_hash(sound):
    sound.file("onnx", "e.onnx").write_bytes(ONNX + b"!")
    (problem,) = check(sound)
    assert (problem.check, problem.examples) == ("onnx-changed", ("e",))


def test_an_unfinished_job_is_a_problem_until_it_is_done(sound):
    job = sound.jobs.plan("embed", {"encoder": "e"}, ["a", "b"], 1)
    job.finish(job.pending()[0])
    (problem,) = check(sound)
    assert (problem.check, problem.count, problem.examples) == ("unfinished-job", 1, (job.job_id,))
    job.finish(job.pending()[0])
    assert check(sound) == []


def test_examples_are_few_and_the_count_is_whole(sound):
    sound.upsert("members", [{"collection": "g", "image_id": f"lost{n}"} for n in range(50)])
    (problem,) = check(sound)
    assert (problem.count, len(problem.examples)) == (50, 5)


def test_info_agrees_with_the_disk(sound):
    found = {table.table: table for table in info(sound)}
    assert sorted(found) == sound.tables()
    images = found["images"]
    assert (images.rows, images.version, images.versions, images.fragments) == (2, 2, 2, 1)
    files = [path for path in Path(sound.uri, "images.lance").rglob("*") if path.is_file()]
    assert images.bytes == sum(path.stat().st_size for path in files)
    assert found["vectors_e"].rows == 2


def snapshot(store):
    tables = {name: store.read(name, store.schema(name).names).to_pylist() for name in store.tables()}
    return {name: sorted(rows, key=str) for name, rows in tables.items()}


def test_compaction_keeps_rows_and_frees_space(sound):
    for n in range(12):
        sound.upsert("images", [{"image_id": "hot", "bytes": bytes([n]) * 10_000}], update=True)
        sound.upsert("members", [{"collection": str(n), "image_id": IMAGE}])
    before, rows = {table.table: table for table in info(sound)}, snapshot(sound)
    steps = list(compact(sound, keep=timedelta(0)))
    after = {table.table: table for table in info(sound)}
    assert steps[-1].done == steps[-1].total == len(sound.tables())
    assert snapshot(sound) == rows
    assert (after["members"].fragments, after["members"].versions) == (1, 1)
    assert after["images"].bytes < before["images"].bytes / 3
    assert snapshot(sound) == rows
    versions = sound.versions()
    list(compact(sound, keep=timedelta(0)))
    assert sound.versions() == versions


def test_compaction_keeps_versions_that_results_name(sound):
    pinned, lost = 2, 1
    sound.upsert(
        "runs",
        [
            {
                "run_id": "p",
                "encoder": "e",
                "mapper": "m",
                "table_versions": json.dumps({"images": pinned, "members": 99}),
            }
        ],
    )
    rows = sound.dataset("images", pinned).to_table(columns=["image_id"])
    sound.upsert("images", [{"image_id": "later"}])
    list(compact(sound, keep=timedelta(0)))
    list(compact(sound, keep=timedelta(0)))
    assert sound.dataset("images", pinned).to_table(columns=["image_id"]) == rows
    with pytest.raises(NotFoundError):
        sound.dataset("images", lost)


def test_compaction_keeps_young_versions(sound):
    list(compact(sound))
    assert sound.dataset("images", 1).count_rows() == 0


def test_compaction_removes_what_killed_processes_left_once_it_is_old(sound):
    left = [Path(sound.uri, ".images.0.part"), Path(sound.uri, "files", "onnx", ".e.onnx.0.part")]
    left[0].mkdir()
    (left[0] / "data").touch()
    left[1].touch()
    list(compact(sound))
    assert [path.exists() for path in left] == [True, True]
    for path in left:
        os.utime(path, (0, 0))
    list(compact(sound))
    assert [path.exists() for path in left] == [False, False]
    assert check(sound) == []
