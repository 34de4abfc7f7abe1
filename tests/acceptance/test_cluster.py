"""Jobs on a Ray cluster of two nodes, one of which is lost on the way: the same rows as in one process."""

import shutil
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from attribase.ingest.embed import embed
from attribase.query import evaluate
from attribase.query.search.index_cluster import SegmentWork, build_on
from attribase.runtime.cluster import Demand, connect
from attribase.runtime.cluster.run import ClusterRun
from attribase.runtime.tasks import WorkerTask
from attribase.store import (
    AttribaseError,
    InvalidInputError,
    NotFoundError,
    Store,
    content_id,
    index_search,
    indexes,
    key_id,
)

from .cluster_nodes import doing, ends_its_process, picture, projection, rows, slow_at_first, whole

pytest.importorskip("ray")


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
    work = SegmentWork(store, "tiny", "none", version, "IVF_SQ", centres)
    with connect(nodes.complete()) as cluster, nodes.losing(tmp_path / "held", monkeypatch):
        steps = list(build_on(cluster, work))
    assert (steps[-1].done, steps[-1].total) == (2, 2)
    index = indexes.describe(store.dataset(table), "base")
    assert (index.rows, index.unindexed, index.segments) == (20_000, 0, 2)
    dataset = store.dataset(table)
    addresses = index_search.row_addresses(dataset)
    allowed = index_search.allowed_rows(addresses)
    for query in vectors[::2000]:
        near, _ = index_search.nearest(dataset, "base", query, 20, 64, allowed)
        exact = addresses[np.argsort(-(vectors @ query), kind="stable")[:10]]
        assert set(exact.tolist()) <= set(near.tolist())


def run_tasks(nodes, store, handle, names):
    """(the results by name in the order of their arrival, the run) of `handle(name)` in two workers."""
    nodes.complete()
    with connect(nodes.address) as cluster:
        run = ClusterRun(cluster, partial(doing, handle), None, store.uri, Demand())
        done = [
            pair
            for some in run.run((WorkerTask(one, one, one) for one in names), len(names))
            for pair in some
        ]
    return {task.name: result for task, result in done}, run


def test_a_slow_shard_is_given_to_another_worker_and_counts_once(nodes, tmp_path, monkeypatch):
    monkeypatch.setattr("attribase.runtime.cluster.run.STRAGGLER_SECONDS", 1.0)
    found, run = run_tasks(
        nodes, Store.create(tmp_path / "store"), partial(slow_at_first, str(tmp_path)), "abcd"
    )
    assert found == {"a": "done at try 2", "b": "b", "c": "c", "d": "d"}
    assert run.repeated == 1
    assert "1 shard repeated" in run.describe()


def test_a_shard_that_ends_three_workers_ends_the_command(nodes, tmp_path):
    with pytest.raises(AttribaseError, match="3 workers of the cluster ended while they did bad") as error:
        run_tasks(nodes, Store.create(tmp_path / "store"), ends_its_process, ["good", "bad"])
    assert "too little memory" in error.value.hint


def test_a_store_in_a_bucket_is_embedded_as_one_in_a_folder(nodes, tmp_path, s3_uri, monkeypatch):
    folder, bucket = Store.create(tmp_path / "folder"), Store.create(s3_uri)
    blobs = [picture(seed, 40) for seed in range(10)] + [b"no picture"]
    for store in (folder, bucket):
        projection(store)
        store.upsert("images", [{"image_id": content_id(data), "bytes": data} for data in blobs])
    list(embed(folder, "tiny", shard_size=2))
    with nodes.losing(tmp_path / "held", monkeypatch):
        steps = list(embed(bucket, "tiny", shard_size=2, ray=nodes.complete()))
    assert "repeated" in steps[-1].note
    assert rows(bucket, "vectors_tiny", "item_id").equals(rows(folder, "vectors_tiny", "item_id"))
    assert bucket.count("vectors_tiny") == 10
    assert bucket.jobs.unfinished() == []


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
