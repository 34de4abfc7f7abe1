import io
import subprocess
import sys
import textwrap

import numpy as np
import onnx
import pytest
from attribase.ingest.embed import embed
from attribase.runtime import LinearMapper, MapperPair, Preprocessing, load_encoder
from attribase.runtime.model_files import StoredFile, files_json
from attribase.store import Job, Store, content_id, key_id
from attribase.store.errors import InvalidInputError, NotFoundError
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIZE, DIM = 8, 5
TABLE = "vectors_colour"


def log_colour_model() -> bytes:
    """Feature = log(mean red, green, blue in 0..2) @ weight: a black image has no finite feature."""
    weight = np.random.default_rng(0).normal(size=(3, DIM)).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["colour"], keepdims=0),
        helper.make_node("Add", ["colour", "one"], ["light"]),
        helper.make_node("Log", ["light"], ["log"]),
        helper.make_node("MatMul", ["log", "weight"], ["features"]),
    ]
    constants = {"axes": np.array([2, 3]), "one": np.array(1, np.float32), "weight": weight}
    graph = helper.make_graph(
        nodes,
        "log-colour",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", DIM])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(40, 256, (12, 10, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def huge_bitmap() -> bytes:
    """A few bytes that say they are 30,000 x 30,000 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "BMP")
    data = buffer.getvalue()
    return data[:18] + (30_000).to_bytes(4, "little") * 2 + data[26:]


def add_images(store: Store, blobs: list[bytes]) -> list[str]:
    store.upsert("images", [{"image_id": content_id(data), "bytes": data} for data in blobs])
    return [content_id(data) for data in blobs]


def add_samples(store: Store, blobs: list[bytes]) -> list[str]:
    rows = [{"sample_id": key_id("s", content_id(b)), "model_id": "m", "bytes": b} for b in blobs]
    store.upsert("samples", rows)
    return [row["sample_id"] for row in rows]


@pytest.fixture
def store(tmp_path) -> Store:
    store, data = Store.create(tmp_path / "store"), log_colour_model()
    store.write_file(("encoders", "colour.onnx"), data)
    row = {"encoder": "colour", "dim": DIM, "size": SIZE, "onnx_file": "encoders/colour.onnx"}
    row |= {"preprocessing": Preprocessing(SIZE, SIZE).to_json(), "onnx_sha256": content_id(data)}
    row["files"] = files_json([StoredFile(row["onnx_file"], row["onnx_sha256"])])
    store.upsert("encoders", [row])
    return store


def run(store: Store, **options) -> list:
    return list(embed(store, "colour", **options))


def test_every_image_and_sample_gets_the_feature_that_it_has_alone(store):
    images = {
        item: png(seed) for seed, item in enumerate(add_images(store, [png(seed) for seed in range(9)]))
    }
    samples = add_samples(store, [png(seed) for seed in range(20, 25)])
    steps = run(store, batch=4, shard_size=6)
    assert [(step.done, step.total) for step in steps] == [(0, 14), (6, 14), (12, 14), (14, 14)]
    rows = {row["item_id"]: row for row in store.read(TABLE).to_pylist()}
    assert {item for item, row in rows.items() if row["item_kind"] == "image"} == set(images)
    assert {item for item, row in rows.items() if row["item_kind"] == "sample"} == set(samples)
    encoder = load_encoder(store, "colour")
    for item, data in images.items():
        alone = encoder.encode([Image.open(io.BytesIO(data))])[0]
        assert rows[item]["base"] == pytest.approx(alone.tolist(), abs=1e-5)


def test_features_are_not_normalised(store):
    add_images(store, [png(0)])
    run(store)
    base = store.read(TABLE, ["base"])["base"].to_pylist()[0]
    assert abs(np.linalg.norm(base) - 1) > 0.01


def test_running_again_does_nothing_and_new_items_are_added(store):
    add_images(store, [png(seed) for seed in range(5)])
    run(store)
    version = store.versions()[TABLE]
    assert [(step.done, step.total) for step in run(store)] == [(0, 0)]
    assert store.versions()[TABLE] == version
    add_samples(store, [png(99)])
    assert run(store)[-1].total == 1
    assert store.count(TABLE) == 6


def test_broken_inputs_are_recorded_by_reason_and_not_tried_again(store):
    black = io.BytesIO()
    Image.new("RGB", (9, 9)).save(black, "PNG")
    broken = {
        "truncated": png(1)[:-60],
        "not-an-image": b"<html>",
        "nan": black.getvalue(),
        "too-many-pixels": huge_bitmap(),
    }
    ids = dict(zip(broken, add_images(store, list(broken.values())), strict=True))
    store.upsert("images", [{"image_id": "nothing", "bytes": b""}, {"image_id": "elsewhere", "uri": "http"}])
    add_images(store, [png(0)])
    assert run(store)[-1].note.endswith("5 failed")
    failures = {row["item"]: row for row in store.read("failures").to_pylist()}
    assert {row["reason"] for row in failures.values()} == {*broken, "empty"}
    assert {failures[item]["reason"]: item for item in failures} == {**ids, "empty": "nothing"}
    assert {row["stage"] for row in failures.values()} == {"embed:colour"}
    assert all(row["detail"] for row in failures.values())
    assert store.count(TABLE) == 1
    assert run(store)[-1].total == 0


def test_a_run_that_was_killed_is_resumed_where_it_stopped(store):
    """Killed hard, in another process, between two shards."""
    add_images(store, [png(seed) for seed in range(12)])
    code = f"""
        import os, threading
        from itertools import count
        from attribase.ingest.embed import embed
        from attribase.ingest.embed.commit import ShardCommitter
        from attribase.store import Store

        commit, number = ShardCommitter._commit, count(1)

        def commit_two(self, entry):
            return commit(self, entry) if next(number) <= 2 else threading.Event().wait()

        ShardCommitter._commit = commit_two
        for step in embed(Store.open({store.uri!r}), "colour", shard_size=4):
            if step.done == 8:
                os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True)
    assert done.returncode == -9
    assert store.count(TABLE) == 8
    add_images(store, [png(50)])  # what came meanwhile is done as well
    steps = run(store)
    assert (steps[0].done, steps[-1].done, steps[-1].total) == (8, 13, 13)
    assert store.count(TABLE) == 13
    assert store.jobs.unfinished() == []


def test_a_shard_that_was_written_but_not_finished_is_not_doubled(store, monkeypatch):
    add_images(store, [png(seed) for seed in range(6)])
    with monkeypatch.context() as patch:
        patch.setattr(Job, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(store, shard_size=3)
    assert store.count(TABLE) in (3, 6)  # the next shard may have been written, too
    run(store)
    assert store.count(TABLE) == 6
    assert len(set(store.read(TABLE)["item_id"].to_pylist())) == 6


def test_new_rows_get_the_columns_of_mappers_that_are_trained_already(store):
    add_images(store, [png(0)])
    run(store)
    rng = np.random.default_rng(0)
    one, other = (
        LinearMapper(rng.normal(size=(DIM, DIM)).astype("f4"), np.ones(DIM, "f4")) for _ in range(2)
    )
    pair = MapperPair(one, other)
    key = key_id("colour", "tuned")
    store.upsert(
        "mappers", [{"mapper_id": key, "encoder": "colour", "mapper": "tuned", "weights": pair.to_bytes()}]
    )
    store.set_vector_column(TABLE, "mapped_tuned", lambda batch: np.zeros((len(batch), DIM), np.float32))
    image, sample = add_images(store, [png(1)])[0], add_samples(store, [png(2)])[0]
    run(store)
    rows = {row["item_id"]: row for row in store.read(TABLE).to_pylist()}
    base = {item: np.array([rows[item]["base"]], np.float32) for item in (image, sample)}
    assert rows[image]["mapped_tuned"] == pytest.approx(pair.real(base[image])[0].tolist(), abs=1e-5)
    assert rows[sample]["mapped_tuned"] == pytest.approx(pair.synth(base[sample])[0].tolist(), abs=1e-5)


def test_a_mapper_that_was_there_before_any_vector_gets_its_column(store):
    square = [LinearMapper(np.eye(DIM, dtype="f4")[:2] * 3, np.zeros(2, "f4"))] * 2
    weights = MapperPair(*square).to_bytes()
    row = {"mapper_id": key_id("colour", "small"), "encoder": "colour", "mapper": "small", "weights": weights}
    store.upsert("mappers", [row])
    add_images(store, [png(0)])
    run(store)
    (row,) = store.read(TABLE).to_pylist()
    wanted = np.array(row["base"][:2]) / np.linalg.norm(row["base"][:2])
    assert row["mapped_small"] == pytest.approx(wanted.tolist(), abs=1e-6)


def test_vectors_of_another_width_under_the_same_name_are_refused(store):
    store.ensure_vectors("colour", DIM + 1)
    add_images(store, [png(0)])
    with pytest.raises(InvalidInputError, match="length 6"):
        run(store)


def test_an_encoder_that_is_not_exported_is_named(store):
    with pytest.raises(NotFoundError, match="'nope'"):
        list(embed(store, "nope"))
