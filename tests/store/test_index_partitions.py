"""The partition of each row as the files of an index have it, against what Lance reads of each partition."""

import lance
import numpy as np
import pyarrow as pa
import pytest
from attribase.store.index_partitions import NO_PARTITION, parse_lengths, read_partitions
from lance.dataset import VectorIndexReader

DIM, PARTITIONS = 16, 8


def rows_table(first, rows):
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), DIM)
    return pa.table({"item_id": [f"{first + n:05d}" for n in range(len(rows))], "base": vectors})


@pytest.fixture(params=["IVF_RQ", "IVF_SQ", "IVF_HNSW_SQ"])
def indexed(request, tmp_path):
    rows = np.random.default_rng(3).normal(size=(1500, DIM)).astype(np.float32)
    for start in (0, 700):
        lance.write_dataset(
            rows_table(start, rows[start : start + 800][: 700 if not start else 800]),
            tmp_path / "a.lance",
            mode="append",
        )
    dataset = lance.dataset(tmp_path / "a.lance")
    dataset.create_index("base", request.param, name="base_ann", metric="cosine", num_partitions=PARTITIONS)
    return lance.dataset(tmp_path / "a.lance")


def partitions_by_lance(dataset):
    """The rows of each partition by their ids, one partition after the other."""
    reader = VectorIndexReader(dataset, "base_ann")
    addresses = dataset.scanner(columns=["item_id"], with_row_id=True).to_table()
    ids = dict(zip(addresses["_rowid"].to_pylist(), addresses["item_id"].to_pylist(), strict=True))
    found = (reader.read_partition(number)["_rowid"].to_pylist() for number in range(PARTITIONS))
    return [{ids[one] for one in some if one in ids} for some in found]


def partitions_read(dataset):
    read = read_partitions(dataset, "base")
    ids = np.array(dataset.to_table(columns=["item_id"])["item_id"].to_pylist())
    assert read.centres.shape == (PARTITIONS, DIM)
    assert len(read.of_row) == len(ids)
    return [set(ids[read.of_row == number]) for number in range(PARTITIONS)], set(
        ids[read.of_row == NO_PARTITION]
    )


def test_each_row_is_where_lance_has_it(indexed):
    found, without = partitions_read(indexed)
    assert found == partitions_by_lance(indexed)
    assert without == set()
    assert sum(map(len, found)) == 1500


def test_rows_that_were_deleted_or_came_later_are_in_no_partition(indexed):
    indexed.delete("item_id IN ('00003', '00900')")
    new = np.random.default_rng(4).normal(size=(5, DIM)).astype(np.float32)
    lance.write_dataset(rows_table(5000, new), indexed.uri, mode="append")
    dataset = lance.dataset(indexed.uri)
    found, without = partitions_read(dataset)
    assert without == {f"{5000 + n:05d}" for n in range(5)}
    assert found == partitions_by_lance(dataset)
    assert sum(map(len, found)) == 1498


def test_files_that_are_not_there_or_say_something_else_are_left_alone(indexed, monkeypatch):
    assert read_partitions(indexed, "mapped_none") is None
    monkeypatch.setattr("attribase.store.index_partitions.parse_lengths", lambda _: [1] * PARTITIONS)
    assert read_partitions(indexed, "base") is None


@pytest.mark.parametrize(
    "message", [b"", b"\x1a", b"\x1a\x05\x01", b"\xff\xff", b"\x1b\x00", b"\x1a\x01\x80"]
)
def test_what_is_no_message_has_no_lengths(message):
    assert parse_lengths(message) == []


def test_lengths_are_read_among_other_fields():
    message = b"\x08\x96\x01" + b"\x12\x02\x00\x05" + b"\x1a\x03\x05\xac\x02" + b"\x29" + bytes(8)
    assert parse_lengths(message) == [5, 300]
