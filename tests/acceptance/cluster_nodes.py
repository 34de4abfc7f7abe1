"""What the tests of clusters share: two nodes of Ray, one of which is lost on the way, and small stores."""

import io
import os
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from attribase.runtime import Preprocessing
from attribase.runtime.cluster.run import ClusterRun
from attribase.runtime.model_files import StoredFile, files_json
from attribase.store import content_id
from PIL import Image

NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}


QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
"""Ray's workers are as important as its other processes: on a busy machine they would wait for them."""


@contextmanager
def two_nodes(environment):
    """A cluster of two nodes, whose workers have the variables `environment`."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**QUIET, **environment}.items():
            patch.setenv(name, value)
        from ray import cloudpickle
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
        cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this file
        try:
            yield Nodes(cluster)
        finally:
            cluster.shutdown()


class Nodes:
    """The nodes; `lose` kills the second, which `complete` makes anew."""

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
            while len(workers := [path.read_text() for path in folder.glob("*.pid")]) < 2 or "" in workers:
                time.sleep(0.05)
            self.lose()
            while all(map(is_alive, workers)):  # else it might end its shard before it dies
                time.sleep(0.05)
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


def is_alive(pid):
    """Whether there is such a process, and no more than its exit status."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def held(folder, setup, shared, device):
    """In a worker: what `setup` makes, whose shards wait until a node is lost."""
    import ray

    handler, node = setup(shared, device), ray.get_runtime_context().get_node_id()

    def handle(payload):
        Path(folder, f"{node}.pid").write_text(str(os.getpid()))
        while not Path(folder, LOST).exists():
            time.sleep(0.05)
        return handler(payload)

    return handle


def doing(handle, _shared, _device):
    """In a worker: what does a task by calling `handle` with its payload."""
    return handle


def slow_at_first(folder, name):
    """The name; the first to do `a` waits until another has done it."""
    first, second = Path(folder, "first"), Path(folder, "second")
    if name != "a":
        return name
    if not first.exists():
        first.touch()
        while not second.exists():
            time.sleep(0.05)
        time.sleep(5)
        return "done at try 1"
    second.touch()
    return "done at try 2"


def ends_its_process(name):
    """Ends the worker at `bad`, as the operating system does where memory is short."""
    if name == "bad":
        os._exit(1)
    return name


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


def whole(store, table, key, *without):
    """All rows with their blobs."""
    names = [name for name in store.schema(table).names if name not in without]
    return store.read(table, names).sort_by(key)
