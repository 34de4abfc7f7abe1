"""A writer killed at any moment, and run again until it is through, leaves the tables of an unharmed run."""

import random
import signal
import time
from typing import Any

import pytest
from attribase.store import Store
from attribase.store.checks import check
from attribase.store.columns import blob_columns, key_columns

WORK = ("work", 32, 4)
KILLS = 4


def contents(store: Store) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, blobs included, by key; without the times at which things happened."""
    found = {}
    for table in store.tables():
        schema = store.schema(table)
        columns = [name for name in schema.names if name not in ("updated", "at")]
        assert set(blob_columns(schema)) <= set(columns)
        rows = store.read(table, columns).to_pylist()
        found[table] = sorted(rows, key=lambda row: [str(row[key]) for key in key_columns(schema)])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_killed_writer_run_again_leaves_the_same_tables(tmp_path, start, seed):
    whole, broken = str(tmp_path / "whole"), str(tmp_path / "broken")
    (child,) = start(whole, WORK)
    began = time.monotonic()
    assert child.wait(60) == 0
    span = time.monotonic() - began

    rng, kills = random.Random(seed), 0
    for _ in range(50):
        (child,) = start(broken, WORK)
        time.sleep(rng.uniform(0, span / 3))
        child.send_signal(signal.SIGKILL)
        if child.wait(60) == 0:
            break
        kills += 1
        if kills == KILLS:  # then let it get through
            (child,) = start(broken, WORK)
            assert child.wait(60) == 0
            break
    assert kills > 1
    assert contents(Store.open(broken)) == contents(Store.open(whole))
    assert check(Store.open(broken)) == []
