"""Rows read straight from the files of a vector column, against what Lance reads."""

import lance
import numpy as np
import pyarrow as pa
import pytest
from attribase.store import vector_files
from attribase.store.vector_files import VectorFiles

DIM = 512


def table(rows, start=0, kind=np.float32, nulls=()):
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.astype(kind).reshape(-1)), rows.shape[1])
    if nulls:
        plain = [None if at in nulls else row for at, row in enumerate(rows.tolist())]
        vectors = pa.array(plain, pa.list_(pa.float32(), rows.shape[1]))
    return pa.table({"item_id": [f"{start + n:05d}" for n in range(len(rows))], "base": vectors})


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def rows(rng):
    return rng.normal(size=(900, DIM)).astype(np.float32)


def made(folder, *tables):
    for part in tables:
        lance.write_dataset(part, folder, mode="append", data_storage_version="2.1")
    return lance.dataset(folder)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_rows_of_several_fragments_are_those_that_were_written(tmp_path, rows, kind):
    dataset = made(tmp_path / "a.lance", table(rows[:500], 0, kind), table(rows[500:], 500, kind))
    files = VectorFiles.open(dataset, "base")
    places = np.array([899, 0, 499, 500, 3, 3])
    found = files.rows(places)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, rows[places].astype(kind).astype(np.float32))


@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("most", [1, 3000, 1 << 26])
def test_rows_that_follow_each_other_are_read_together(tmp_path, rows, monkeypatch, kind, most):
    monkeypatch.setattr(vector_files, "RUN_BYTES", most)
    monkeypatch.setattr(vector_files, "AHEAD_BYTES", 0)
    dataset = made(tmp_path / "a.lance", table(rows[:500], 0, kind), table(rows[500:], 500, kind))
    files = VectorFiles.open(dataset, "base")
    buffer = files.buffer(900)
    for places in (np.arange(900), np.r_[3:9, 495:510, 7, 899, 0:2], np.arange(0)):
        wanted = rows[places].astype(kind).astype(np.float32)
        files.read_ahead(places)
        np.testing.assert_array_equal(files.rows(places), wanted)
        found = files.rows(places, buffer)
        np.testing.assert_array_equal(found, wanted)
        assert len(places) == 0 or np.shares_memory(found, buffer) == (kind == np.float32)


@pytest.mark.parametrize("places", [np.arange(900), np.arange(0, 900, 2)], ids=["runs", "scattered"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_file_that_became_shorter_is_an_error(tmp_path, rows, places, when):
    dataset = made(tmp_path / "a.lance", table(rows))
    files = VectorFiles.open(dataset, "base")
    if when == "after":
        files.rows(places)
    (path,) = (tmp_path / "a.lance" / "data").glob("*.lance")
    with path.open("r+b") as file:
        file.truncate(500 * 4 * DIM)
    with pytest.raises(OSError, match="has no whole vectors"):
        files.rows(places)


def test_a_column_that_was_added_later_is_read_from_its_own_file(tmp_path, rows):
    dataset = made(tmp_path / "a.lance", table(rows[:400]), table(rows[400:], 400))

    mapped = pa.schema([("mapped", pa.list_(pa.float32(), DIM))])

    @lance.batch_udf(output_schema=mapped)
    def doubled(batch):
        flat = batch["base"].flatten().to_numpy() * 2
        return pa.record_batch([pa.FixedSizeListArray.from_arrays(pa.array(flat), DIM)], names=["mapped"])

    dataset.add_columns(doubled, ["base"])
    files = VectorFiles.open(lance.dataset(dataset.uri), "mapped")
    places = np.array([0, 399, 400, 899])
    np.testing.assert_array_equal(files.rows(places), 2 * rows[places])


def test_what_is_not_plain_is_left_to_lance(tmp_path, rows):
    deleted = made(tmp_path / "deleted.lance", table(rows))
    deleted.delete("item_id = '00007'")
    assert VectorFiles.open(lance.dataset(deleted.uri), "base") is None
    nulls = made(tmp_path / "nulls.lance", table(rows[:50], nulls=(3, 9)))
    assert VectorFiles.open(nulls, "base") is None
    empty = made(tmp_path / "empty.lance", table(rows[:0]))
    assert VectorFiles.open(empty, "base") is None


def test_files_of_other_bytes_than_lance_reads_are_left_to_lance(tmp_path, rows, monkeypatch):
    dataset = made(tmp_path / "a.lance", table(rows))
    zeros = lambda self, places: np.zeros((len(places), self.dim), np.float32)  # noqa: E731
    monkeypatch.setattr(VectorFiles, "rows", zeros)
    assert VectorFiles.open(dataset, "base") is None


@pytest.mark.parametrize("dim", [4, 32, 64, 192])
def test_short_vectors_are_read_rightly_or_left_to_lance(tmp_path, rng, dim):
    rows = rng.normal(size=(3000, dim)).astype(np.float32)
    files = VectorFiles.open(made(tmp_path / "a.lance", table(rows)), "base")
    if files is not None:
        np.testing.assert_array_equal(files.rows(np.arange(3000)), rows)
