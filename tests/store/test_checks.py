"""Each kind of inconsistency of a store is found."""

import json

import pytest
from attribase.store import content_id
from attribase.store.checks import check

from .sample_rows import DATA, IMAGE, ONNX, exported

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
        {"item_id": "lost", "item_kind": "image", "base": [1, 1], "mapped_tuned": [0.6, 0.8]},
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


@pytest.mark.parametrize("augment", ["mild", "strong"])
def test_views_without_item_are_found(sound, augment):
    table = sound.ensure_views("e", 2, augment)
    sound.upsert(table, [{"item_id": "lost", "view": n, "base": [1, 1]} for n in range(3)])
    (problem,) = check(sound)
    assert (problem.check, problem.table, problem.count) == ("vector-without-item", table, 1)


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


def test_ranks_of_a_stopped_run_are_to_be_completed_not_ingested(sound):
    sound.upsert("ranks", [{"run_id": "stopped", "sample_id": "s", "image_id": IMAGE, "rank": 1}])
    (problem,) = check(sound)
    assert (problem.check, problem.count) == ("rank-without-run", 1)
    assert problem.hint.startswith("run `attribase query eval` again")
