"""Jobs on a Ray cluster of two nodes, one of which is lost on the way: the same rows as in one process."""

import io
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from attribase.ingest.embed import embed
from attribase.query import evaluate
from attribase.query.search.index_cluster import SegmentWork, build_on
from attribase.runtime import Preprocessing
from attribase.runtime.cluster import connect
from attribase.runtime.cluster.run import ClusterRun
from attribase.runtime.model_files import StoredFile, files_json
from attribase.store import InvalidInputError, NotFoundError, Store, content_id, indexes, key_id
from PIL import Image

pytest.importorskip("ray")
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}


@pytest.fixture(scope="module")
def nodes():
    """A cluster of two nodes; `lose` kills the second, which the next test gets anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray import cloudpickle
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
        cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this file
        yield Nodes(cluster)
        cluster.shutdown()


class Nodes:
    def __init__(self, cluster):
        self._cluster, self._second = cluster, None
        self.address = cluster.address

    def complete(self):
        while self._second is None:
            try:
                self._second = self._cluster.add_node(**NODE)
            except Exception as error:  # of Ray itself, on a busy machine
                if "timed out during startup" not in str(error):
                    raise
        return self.address

    def lose(self):
        self._cluster.remove_node(self._second, allow_graceful=False)
        self._second = None

    @contextmanager
    def losing(self, folder, monkeypatch):
        """Lose the second node while each of two workers, one on each node, is in the middle of a shard."""
        folder.mkdir()
        run = ClusterRun.run

        def held_run(job, tasks, count):
            job.setup = partial(held, str(folder), job.setup)
            return run(job, tasks, count)

        def lose():
            while len(list(folder.iterdir())) < 2:
                time.sleep(0.05)
            self.lose()
            (folder / LOST).touch()

        killer = threading.Thread(target=lose, daemon=True)
        with monkeypatch.context() as patch:
            patch.setattr(ClusterRun, "run", held_run)
            killer.start()
            yield
        killer.join(60)
        assert not killer.is_alive()


LOST = "lost"
"""The file that says that the node is gone."""


def held(folder, setup, shared, device):
    """In a worker: what `setup` makes, whose shards wait until a node is lost."""
    import ray

    handler, node = setup(shared, device), ray.get_runtime_context().get_node_id()

    def handle(payload):
        Path(folder, node).touch()
        while not Path(folder, LOST).exists():
            time.sleep(0.05)
        return handler(payload)

    return handle


def picture(seed, side):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def projection(store, name="tiny"):
    """Add an encoder: a random projection of 8 x 8 pixels to 16 numbers."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).normal(size=(192, 16)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 16])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    data, file = model.SerializeToString(), f"encoders/{name}.onnx"
    onnx.checker.check_model(model)
    store.write_file(file.split("/"), data)
    row = {"encoder": name, "dim": 16, "size": 8, "onnx_file": file, "onnx_sha256": content_id(data)}
    row |= {"preprocessing": Preprocessing(8, 8).to_json()}
    row["files"] = files_json([StoredFile(file, row["onnx_sha256"])])
    store.upsert("encoders", [row])


def rows(store, table, key, *without):
    return store.read(table).drop_columns(list(without)).sort_by(key)


def test_embedding_is_that_of_one_process_though_a_node_is_lost(nodes, tmp_path, monkeypatch):
    alone = Store.create(tmp_path / "alone")
    projection(alone)
    blobs = [picture(seed, 700) for seed in range(20)] + [b"no picture", picture(99, 30)[:200]]
    alone.upsert("images", [{"image_id": content_id(data), "bytes": data} for data in blobs])
    drawn = [picture(seed, 20) for seed in range(50, 56)]
    alone.upsert(
        "samples", [{"sample_id": key_id(data.hex()), "bytes": data, "model_id": "m"} for data in drawn]
    )
    together = Store.open(shutil.copytree(alone.uri, tmp_path / "together"))

    list(embed(alone, "tiny", shard_size=2))
    with nodes.losing(tmp_path / "held", monkeypatch):
        steps = list(embed(together, "tiny", shard_size=2, ray=nodes.complete()))
    assert "repeated" in steps[-1].note
    assert rows(together, "vectors_tiny", "item_id").equals(rows(alone, "vectors_tiny", "item_id"))
    assert together.count("vectors_tiny") == 26
    failed = [("item", "ascending"), ("stage", "ascending")]
    assert rows(together, "failures", failed, "at").equals(rows(alone, "failures", failed, "at"))
    assert together.jobs.unfinished() == []
    assert next(embed(together, "tiny", ray=nodes.address)).done == 0
    assert together.count("vectors_tiny") == 26


def test_customizing_and_sampling_are_those_of_one_process_though_a_node_is_lost(
    nodes, tmp_path, monkeypatch
):
    from attribase.ingest.customize import CustomizeConfig, customize
    from attribase.ingest.sample import SampleConfig, sample
    from attribase.ingest.specs import ModelSpec, SampleSpec
    from tiny_pipelines import SIZE, tiny_pipeline

    tiny_pipeline().save_pretrained(tmp_path / "base")
    alone = Store.create(tmp_path / "alone")
    pictures = [picture(seed, SIZE) for seed in range(7)]
    alone.upsert("images", [{"image_id": content_id(data), "bytes": data} for data in pictures])
    together = Store.open(shutil.copytree(alone.uri, tmp_path / "together"))
    specs = [
        ModelSpec(
            concept_kind="object",
            concept=f"tom {seed}",
            category="cat",
            exemplar_ids=(content_id(data),),
            training_prompts=("photo of a V* cat",),
            case_name="case",
            split="test",
            seed=seed,
            samples=tuple(SampleSpec("gpt", f"a V* cat {number}", number) for number in range(2)),
        )
        for seed, data in enumerate(pictures)
    ]
    config = CustomizeConfig(
        str(tmp_path / "base"), iterations=4, lr=0.01, batch_size=2, augment="shift", resolution=SIZE,
        init_token="category",
    )  # fmt: skip
    settings = SampleConfig(steps=2, guidance=3.0, batch_size=2, resolution=SIZE)

    list(customize(alone, specs, config, workers=0))
    list(sample(alone, specs, config, settings, workers=0))
    with nodes.losing(tmp_path / "held", monkeypatch):
        steps = list(customize(together, specs, config, workers=2, ray=nodes.complete()))
    assert "repeated" in steps[-1].note
    list(sample(together, specs, config, settings, workers=1, ray=nodes.address))
    for table, key, clock in (("models", "model_id", ["seconds"]), ("samples", "sample_id", ["created"])):
        assert whole(together, table, key, *clock).equals(whole(alone, table, key, *clock))
    assert (together.count("models"), together.count("samples")) == (7, 14)
    assert together.jobs.unfinished() == []

    for store in (alone, together):
        projection(store)
        gallery = [{"collection": "gallery", "image_id": content_id(data)} for data in pictures]
        store.upsert("members", gallery)
        list(embed(store, "tiny"))
    list(evaluate(alone))
    steps = list(evaluate(together, shard_size=4, ray=nodes.address))
    assert (steps[-1].done, steps[-1].total) == (14, 14)
    by_pair = [("sample_id", "ascending"), ("image_id", "ascending")]
    run = ("run_id", "run_number")  # of the versions of the tables, which differ
    assert rows(together, "ranks", by_pair, *run).equals(rows(alone, "ranks", by_pair, *run))
    assert together.count("ranks") == 14
    assert together.read("runs", ["samples"]).equals(alone.read("runs", ["samples"]))
    assert list(evaluate(together, ray=nodes.address)) == []


def test_an_index_has_all_rows_though_a_node_is_lost(nodes, tmp_path, monkeypatch):
    store = Store.create(tmp_path / "store")
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20_000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = store.ensure_vectors("tiny", 64)
    for start in range(0, len(vectors), 5000):
        block = vectors[start : start + 5000]
        columns = {
            "item_id": [f"{number:06d}" for number in range(start, start + len(block))],
            "item_kind": ["image"] * len(block),
            "base": pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), 64),
        }
        store.upsert(table, pa.table(columns))
    version = int(store.dataset(table).version)
    centres = vectors[rng.choice(len(vectors), 64, replace=False)]
    work = SegmentWork(store, table, version, "base", "IVF_SQ", centres)
    with connect(nodes.complete()) as cluster, nodes.losing(tmp_path / "held", monkeypatch):
        steps = list(build_on(cluster, work))
    assert (steps[-1].done, steps[-1].total) == (2, 2)
    index = indexes.describe(store.dataset(table), "base")
    assert (index.rows, index.unindexed, index.segments) == (20_000, 0, 2)
    dataset = store.dataset(table)
    addresses = indexes.row_addresses(dataset)
    allowed = indexes.row_allowlist(addresses)
    for query in vectors[::2000]:
        near, _ = indexes.nearest(dataset, "base", query, 20, 64, allowed)
        exact = addresses[np.argsort(-(vectors @ query), kind="stable")[:10]]
        assert set(exact.tolist()) <= set(near.tolist())


def whole(store, table, key, *without):
    """All rows with their blobs."""
    names = [name for name in store.schema(table).names if name not in without]
    return store.read(table, names).sort_by(key)


@pytest.mark.parametrize(
    ("address", "error", "says"),
    [
        ("127.0.0.1:1", NotFoundError, "no Ray cluster at '127.0.0.1:1': .*refused"),
        ("here", NotFoundError, "HOST:PORT, or auto"),
        ("ray://127.0.0.1:10001", InvalidInputError, "Ray's client"),
    ],
)
def test_an_address_without_a_cluster_says_what_to_do(tmp_path, address, error, says):
    store = Store.create(tmp_path / "store")
    projection(store)
    with pytest.raises(error, match=says) as refused:
        list(embed(store, "tiny", ray=address))
    assert "ray" in refused.value.hint
