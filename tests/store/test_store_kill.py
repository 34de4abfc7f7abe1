"""A writer killed at any moment, and run again until it is through, leaves the tables of an unharmed run."""

import random
import signal
from typing import Any

import pytest
from attribase.store import Store
from attribase.store.checks import check
from attribase.store.columns import blob_columns, key_columns

WORK = ("work", 32, 4)
KILLS = 4
WRITES = 7  # of four a shard: the kills leave some of the eight shards to do


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
    child.communicate(timeout=600)
    assert child.returncode == 0

    rng, kills = random.Random(seed), 0
    for _ in range(KILLS):
        (child,) = start(broken, WORK)
        for _ in range(rng.randint(1, WRITES)):  # then it is killed while it does the last of these writes
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        kills += child.wait(60) != 0
    assert kills > 1
    (child,) = start(broken, WORK)
    child.communicate(timeout=600)
    assert child.returncode == 0
    assert contents(Store.open(broken)) == contents(Store.open(whole))
    assert check(Store.open(broken)) == []
