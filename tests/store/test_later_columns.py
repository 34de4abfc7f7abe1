"""Tables that an older version made, without the columns that came later."""

import lance
import pyarrow as pa
from attribase.store import Store
from attribase.store.schema import RUNS, run_number


def older(uri):
    """A store whose `runs` lacks the newest columns and holds one row."""
    store = Store.create(uri)
    dataset = lance.dataset(store.layout.table("runs"))
    dataset.insert(pa.Table.from_pylist([{"run_id": "r0", "encoder": "e", "mapper": "m"}], RUNS))
    dataset.drop_columns(["scheme", "run_number", "samples"])
    return store


def test_writing_to_an_older_table_gives_it_the_later_columns(tmp_path):
    store = older(tmp_path / "a.store")
    assert "run_number" not in store.schema("runs").names
    store.upsert("runs", [{"run_id": "r1", "encoder": "e", "mapper": "m", "run_number": 7, "scheme": "gpt"}])
    rows = {row["run_id"]: row["run_number"] for row in store.read("runs").to_pylist()}
    assert rows == {"r0": None, "r1": 7}
    store.upsert("runs", [{"run_id": "r0", "encoder": "e", "mapper": "m", "samples": 3}], update=True)
    assert {row["samples"] for row in store.read("runs").to_pylist()} == {3, None}


def test_run_numbers_fit_a_signed_64_bit_integer():
    assert run_number("f" * 64) == 2**60 - 1
    assert run_number("0" * 64) == 0
