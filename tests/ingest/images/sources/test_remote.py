"""Tables and shards behind URLs, on a file system of fsspec that is in memory."""

import io

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import open_source
from attribase.store import InvalidInputError, NotFoundError

from ..stored import ingest, read_all
from .test_archive import samples, write_tar


@pytest.fixture
def memory():
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.rm("/", recursive=True)


def put(filesystem, path, make_picture, seeds):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"image": [make_picture(seed) for seed in seeds]}), buffer)
    filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
    filesystem.pipe_file(path, buffer.getvalue())


def test_a_remote_folder_of_parts_is_read_and_resumed(store, memory, make_picture):
    put(memory, "/data/train-0.parquet", make_picture, [1, 2])
    put(memory, "/data/deep/train-1.parquet", make_picture, [3])
    memory.pipe_file("/data/README.md", b"# Data")
    ingest(store, "memory://data")
    assert store.count("images") == 3
    assert ingest(store, "memory://data") == []
    assert next(iter(open_source("memory://data").items())) == "memory://data/deep/train-1.parquet#0"
    put(memory, "/data/train-2.parquet", make_picture, [4])
    ingest(store, "memory://data")
    assert store.count("images") == 4


def test_one_remote_table_or_shard_is_read(memory, tmp_path, make_picture):
    put(memory, "/one.parquet", make_picture, [1])
    (record,) = read_all("memory://one.parquet").values()
    assert record.data == make_picture(1)
    write_tar(tmp_path / "s.tar", samples(make_picture, 2))
    memory.pipe_file("/s.tar", (tmp_path / "s.tar").read_bytes())
    assert [record.uri for record in read_all("memory://s.tar").values()] == [
        "https://e.x/0.jpg",
        "https://e.x/1.jpg",
    ]


@pytest.mark.parametrize("name", ["memory://nothing", "memory://nothing.parquet"])
def test_a_url_of_nothing_is_not_found(memory, name):  # noqa: ARG001
    with pytest.raises(NotFoundError) as error:
        open_source(name)
    assert error.value.hint


@pytest.mark.parametrize("name", ["hf://datasets/nobody/nothing", "unknown://x/y.parquet"])
def test_what_cannot_be_reached_is_one_line_with_a_next_step(name):
    with pytest.raises(InvalidInputError, match="cannot be reached") as error:
        open_source(name)
    assert "\n" not in str(error.value)
    assert error.value.hint


def test_a_connection_that_breaks_while_reading_stops_the_job_and_loses_nothing(
    store, memory, make_picture, monkeypatch
):
    put(memory, "/data/a.parquet", make_picture, range(40))
    source = open_source("memory://data")
    items = source.items()
    file = source.table._parquet
    monkeypatch.setattr(type(file), "iter_batches", broken)
    with pytest.raises(InvalidInputError):
        list(source.read(items))
    monkeypatch.undo()
    ingest(store, "memory://data")
    assert (store.count("images"), store.count("failures")) == (40, 0)


def broken(*_, **__):
    raise OSError("connection reset by peer")
