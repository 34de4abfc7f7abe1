"""A fresh store, a small sound one, and child processes that all start at the same moment."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attribase.store import Store, content_id, mapped_column

from .sample_rows import DATA, IMAGE, ONNX, exported

WRITER = Path(__file__).with_name("writer.py")

Children = list[subprocess.Popen[str]]
Start = Callable[..., Children]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


@pytest.fixture
def sound(store: Store) -> Store:
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


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(uri, (action, *arguments), ...)`: a child for each, which all start once they have imported.

    The last argument of each child is its number.
    """
    children: Children = []

    def run(uri: str, *jobs: tuple[object, ...]) -> Children:
        fresh = []
        for number, (action, *arguments) in enumerate(jobs):
            command = [sys.executable, WRITER, action, uri, *arguments, number]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            fresh.append(subprocess.Popen([*map(str, command)], text=True, **pipes))  # type: ignore[call-overload]
        children.extend(fresh)
        for child in fresh:
            assert child.stdout.readline() == "ready\n"
        for child in fresh:
            child.stdin.write("go\n")
            child.stdin.flush()
        return fresh

    yield run
    for child in children:
        child.kill()
        child.communicate()
