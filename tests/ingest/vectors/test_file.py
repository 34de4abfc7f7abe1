"""Files of features: what is read from each kind, and what is refused."""

import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.vectors import open_vectors
from attribase.store import AttribaseError

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
IDS = ["a", "b", "c", "d"]


def read(file) -> np.ndarray:
    return np.concatenate(list(file.batches()))


def parquet(path, vectors=None, ids=IDS, name="vector", key="id", **more):
    vectors = pa.array(ROWS.tolist(), pa.list_(pa.float32())) if vectors is None else vectors
    pq.write_table(pa.table({key: ids, name: vectors, **more}), path)
    return path


KINDS = {
    "float32": pa.list_(pa.float32()),
    "float64": pa.list_(pa.float64()),
    "float16": pa.list_(pa.float16()),
    "fixed": pa.list_(pa.float32(), 3),
    "large": pa.large_list(pa.float32()),
    "int": pa.list_(pa.int64()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_list_is_read(tmp_path, kind):
    values = ROWS.astype(np.float16 if kind == "float16" else np.int64 if kind == "int" else np.float64)
    file = open_vectors(parquet(tmp_path / "a.parquet", pa.array(list(map(list, values)), KINDS[kind])))
    assert (file.ids, file.dim, file.id_column, file.vector_column) == (IDS, 3, "id", "vector")
    assert np.array_equal(read(file), ROWS)
    assert file.sha256 == hashlib.sha256((tmp_path / "a.parquet").read_bytes()).hexdigest()


def test_more_rows_than_a_batch_are_all_read_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("attribase.ingest.vectors.file.BATCH_ROWS", 3)
    np.save(tmp_path / "a.npy", ROWS)
    (tmp_path / "ids.txt").write_text("\n".join(IDS))
    assert np.array_equal(read(open_vectors(parquet(tmp_path / "a.parquet"))), ROWS)
    assert np.array_equal(read(open_vectors(tmp_path / "a.npy", tmp_path / "ids.txt")), ROWS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ids.txt", "a\nb\r\nc\nd\n"),
        ("ids.json", json.dumps(IDS)),
        ("ids.csv", "x,image_id\n1,a\n2,b\n3,c\n4,d\n"),
    ],
)
def test_the_ids_of_a_npy_come_from_text_json_or_csv(tmp_path, name, text):
    np.save(tmp_path / "a.npy", ROWS.astype(np.float64))
    (tmp_path / name).write_text(text)
    file = open_vectors(tmp_path / "a.npy", tmp_path / name)
    assert file.ids == IDS
    assert np.array_equal(read(file), ROWS)


def test_a_column_can_be_named(tmp_path):
    other = pa.array([[9.0]] * 4)
    path = parquet(tmp_path / "a.parquet", name="mine", key="key", other=other)
    file = open_vectors(path, id_column="key", vector_column="mine")
    assert (file.ids, file.dim) == (IDS, 3)


def test_what_is_doubtful_or_broken_is_one_error(tmp_path):
    floats = pa.list_(pa.float32())
    np.save(tmp_path / "a.npy", ROWS)
    np.save(tmp_path / "flat.npy", ROWS[0])
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "short.txt").write_text("a\nb\n")
    (tmp_path / "wrong.json").write_text('{"a": 1}')
    (tmp_path / "broken.parquet").write_bytes(b"no")
    (tmp_path / "a.txt").write_text("")
    parquet(tmp_path / "two.parquet", name="p", q=pa.array(ROWS.tolist()))
    parquet(tmp_path / "none.parquet", pa.array([1.0, 2, 3, 4]))
    parquet(tmp_path / "noid.parquet", key="z")
    cases = [
        ("a.npy", None, "holds no ids"),
        ("a.npy", "short.txt", "4 rows, short.txt 2 ids"),
        ("a.npy", "wrong.json", "no JSON list"),
        ("flat.npy", "short.txt", "has shape"),
        ("object.npy", "short.txt", "cannot be read"),
        ("broken.parquet", None, "cannot be read as Parquet"),
        ("a.txt", None, "neither Parquet nor .npy"),
        ("two.parquet", None, "which column of two.parquet has the vectors"),
        ("none.parquet", None, "no column of lists"),
        ("noid.parquet", None, "which column of noid.parquet has the ids"),
    ]
    for name, ids, message in cases:
        with pytest.raises(AttribaseError, match=message) as error:
            open_vectors(tmp_path / name, ids and tmp_path / ids)
        assert error.value.hint
    ragged = parquet(tmp_path / "ragged.parquet", pa.array([[1, 2], [1, 2], [1], [1, 2]], floats))
    with pytest.raises(AttribaseError, match=r"'c' \(row 3\) has a vector of 1 numbers"):
        read(open_vectors(ragged))
    missing = parquet(tmp_path / "missing.parquet", pa.array([[1, 2], None, [1, 2], [1, 2]], floats))
    with pytest.raises(AttribaseError, match=r"'b' \(row 2\) has no vector"):
        read(open_vectors(missing))
    for bad in (float("nan"), float("inf"), 1e300, None):
        lists = pa.array([[1, 2], [1, 2], [1, 2], [1, bad]], pa.list_(pa.float64()))
        with pytest.raises(AttribaseError, match=r"'d' \(row 4\) has NaN or infinite"):
            read(open_vectors(parquet(tmp_path / "bad.parquet", lists)))
