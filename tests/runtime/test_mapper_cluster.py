"""A mapped column that a cluster writes: fragment by fragment, as in one process, without its GPUs."""

from contextlib import nullcontext

import numpy as np
import pyarrow as pa
from attribase.runtime import LinearMapper, mapper_cluster
from attribase.runtime.mapper import MapperPair, fill_column
from attribase.store import Store

from .cluster.in_process import InProcessRun, cluster_of

DIM = 4


def test_the_column_is_that_of_one_process_and_takes_no_gpu(tmp_path, monkeypatch):
    store = Store.create(tmp_path / "store")
    table = store.ensure_vectors("enc", DIM)
    rows = np.random.default_rng(0).normal(size=(30, DIM)).astype(np.float32)
    for start in range(0, len(rows), 10):
        block = rows[start : start + 10]
        items = {"item_id": [f"i{start + n}" for n in range(10)], "item_kind": ["image"] * 10}
        store.upsert(table, pa.table(items | {"base": pa.FixedSizeListArray.from_arrays(block.ravel(), DIM)}))
    side = LinearMapper(np.random.default_rng(1).normal(size=(DIM, DIM)).astype(np.float32), np.ones(DIM))
    pair = MapperPair(side, side)
    store.upsert("mappers", [{"mapper_id": n, "encoder": "enc", "mapper": n} for n in ("here", "there")])
    fill_column(store, "enc", "here", pair)
    monkeypatch.setattr(
        mapper_cluster, "connect", lambda _: nullcontext(cluster_of({"CPU": 16.0, "GPU": 2.0}))
    )
    monkeypatch.setattr(mapper_cluster, "ClusterRun", InProcessRun)
    steps = list(mapper_cluster.fill_column_steps(store, "enc", "there", pair, ray="auto"))
    assert [step.done for step in steps] == [0, 10, 20, 30]
    found = store.read(table, ["mapped_here", "mapped_there"])
    assert found["mapped_here"].equals(found["mapped_there"])
    assert found["mapped_here"].null_count == 0
    assert (InProcessRun.demands[-1].gpus, InProcessRun.demands[-1].cpus) == (0, 8)
