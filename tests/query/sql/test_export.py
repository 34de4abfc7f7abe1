"""A store as Parquet: every table and view, read back by a DuckDB that knows nothing of stores."""

import json

import duckdb
import pyarrow.parquet as pq
import pytest
from attribase.query import connect, evaluate
from attribase.query.sql.export import export_store
from attribase.store.errors import ConflictError
from pyarrow.types import is_floating, is_nested


@pytest.fixture
def ranked(small):
    list(evaluate(small.store, "enc", "none"))
    return small.store


def plain(rows):
    """Arrays as lists: Parquet does not know their fixed length."""
    return [[list(value) if isinstance(value, tuple) else value for value in row] for row in rows]


def ordered(name, schema):
    """All rows of a table in an order that the last digit of a mean does not decide."""
    exact = [field.name for field in schema if not (is_floating(field.type) or is_nested(field.type))]
    others = [column for column in schema.names if column not in exact]
    columns = ", ".join(f'"{column}"' for column in (*exact, *others))
    return f'select {columns} from "{name}" order by {columns}'


def assert_same_rows(found, expected, name):
    """Means may differ in their last digit: an engine on several threads adds up in any order."""
    assert len(found) == len(expected), name
    for row, other in zip(plain(found), plain(expected), strict=True):
        for value, right in zip(row, other, strict=True):
            inexact = isinstance(value, float) and isinstance(right, float)
            right = pytest.approx(right, rel=1e-12, nan_ok=True) if inexact else right
            assert value == right, (name, row, other)


def test_stock_duckdb_reads_every_table_and_view_with_the_same_rows(ranked, tmp_path, monkeypatch):
    steps = list(export_store(ranked, tmp_path / "out"))
    ours = connect(ranked.uri)
    names = {name for (name,) in ours.sql("show tables").fetchall()}
    assert {"images", "ranks", "vectors_enc", "metrics", "intervals", "differences"} <= names
    assert {path.stem for path in (tmp_path / "out").glob("*.parquet")} == names
    assert (steps[-1].done, steps[-1].total) == (len(names), len(names))
    monkeypatch.chdir(tmp_path / "out")
    stock = duckdb.connect()
    stock.execute((tmp_path / "out" / "load.sql").read_text())
    for name in sorted(names):
        statement = ordered(name, pq.read_schema(f"{name}.parquet"))
        assert_same_rows(stock.sql(statement).fetchall(), ours.sql(statement).fetchall(), name)


def test_an_export_that_was_killed_goes_on(ranked, tmp_path):
    steps = export_store(ranked, tmp_path / "out")
    next(steps)
    next(steps)
    steps.close()
    (first,) = sorted(tmp_path.glob("out/*.parquet"))[:1]
    written = first.stat().st_mtime_ns
    list(export_store(ranked, tmp_path / "out"))
    assert first.stat().st_mtime_ns == written
    rows = json.loads((tmp_path / "out" / "export.json").read_text())["rows"]
    assert rows["images"] == ranked.count("images")
    assert not list(tmp_path.glob("out/.*"))


def test_a_folder_with_another_state_or_other_files_is_refused(ranked, tmp_path):
    list(export_store(ranked, tmp_path / "out"))
    ranked.upsert("images", [{"image_id": "new"}])
    with pytest.raises(ConflictError, match="another state"):
        list(export_store(ranked, tmp_path / "out"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(ConflictError, match="other files"):
        list(export_store(ranked, tmp_path / "mine"))


def test_an_export_of_a_tag_is_the_store_as_it_was(ranked, tmp_path):
    count = ranked.count("images")
    ranked.tag("then")
    ranked.upsert("images", [{"image_id": "new"}])
    list(export_store(ranked, tmp_path / "out", "then"))
    assert pq.read_metadata(tmp_path / "out" / "images.parquet").num_rows == count
