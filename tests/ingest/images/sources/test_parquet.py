"""Rows of Parquet files by position."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import Unreadable
from attribase.ingest.images.sources.files import DataFile
from attribase.ingest.images.sources.parquet import ArrowRows, ParquetRows
from attribase.store import InvalidInputError


@pytest.mark.parametrize("group", [1, 7, 64, 1000])
def test_rows_in_any_order_are_those_of_the_table(tmp_path, group):
    table = pa.table({"n": list(range(200)), "text": [f"row {n}" for n in range(200)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=group)
    rows = ParquetRows(DataFile("a", str(tmp_path / "a.parquet")))
    starts = [0, 5, 100, 190, 3, *random.Random(1).sample(range(190), 20)]
    for start in starts:
        assert list(rows.rows(start, 10)) == table.slice(start, 10).to_pylist()
    assert list(rows.rows(20, 3, ["n"])) == [{"n": 20}, {"n": 21}, {"n": 22}]


def test_rows_after_a_damaged_row_group_are_read(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"n": list(range(60)), "text": [f"row {n}" * 20 for n in range(60)]})
    pq.write_table(table, path, row_group_size=20, use_dictionary=False, compression="zstd")
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(1)
    data = bytearray(path.read_bytes())
    start = chunk.data_page_offset
    data[start : start + chunk.total_compressed_size] = bytes(chunk.total_compressed_size)
    path.write_bytes(data)
    found = list(ParquetRows(DataFile("a", str(path))).rows(0, 60))
    assert [row["n"] for row in found[:20] + found[40:]] == [*range(20), *range(40, 60)]
    assert {row.reason for row in found[20:40] if isinstance(row, Unreadable)} == {"unreadable"}
    assert sum(isinstance(row, Unreadable) for row in found) == 20


@pytest.mark.parametrize("writer", [pa.ipc.new_stream, pa.ipc.new_file])
def test_arrow_files_of_both_formats_are_read_by_position(tmp_path, writer):
    table = pa.table({"n": list(range(100)), "text": [f"row {n}" for n in range(100)]})
    with writer(str(tmp_path / "a.arrow"), table.schema) as out:
        out.write_table(table, max_chunksize=30)
    rows = ArrowRows(DataFile("a", str(tmp_path / "a.arrow")))
    assert rows.count() == 100
    for start in (0, 25, 29, 90, 3):
        assert list(rows.rows(start, 10)) == table.slice(start, 10).to_pylist()


def test_a_cut_arrow_file_is_refused(tmp_path):
    table = pa.table({"n": list(range(100))})
    with pa.ipc.new_stream(str(tmp_path / "a.arrow"), table.schema) as out:
        out.write_table(table)
    data = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(data[: len(data) // 2])
    with pytest.raises(InvalidInputError, match="is not an Arrow file"):
        ArrowRows(DataFile("a", str(tmp_path / "a.arrow")))
