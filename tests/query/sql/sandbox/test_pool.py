"""The pool answers within its limits and survives every statement."""

import threading
import time

import pytest
from attribase.query.sql.sandbox import SqlPool
from attribase.query.workers.memory import resident_bytes
from attribase.store import Store
from attribase.store.errors import BusyError, InvalidInputError, LimitError, NotFoundError, TimeLimitError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    store = Store.create(tmp_path_factory.mktemp("sandbox") / "my.store")
    store.upsert("images", [{"image_id": f"i{n}", "uri": f"{n}.png"} for n in range(50)])
    store.tag("before")
    return store.uri


@pytest.fixture(scope="module")
def pool(uri):
    with SqlPool(uri, workers=1, memory="300MB", seconds=60, max_rows=1000, refresh=0, wait=60) as pool:
        yield pool


def test_a_select_is_answered(pool):
    rows = pool.run("select count(*) as images from images")
    assert rows.table().to_pylist() == [{"images": 50}]
    assert rows.truncated is False


def test_parameters_are_bound(pool):
    where = "select image_id from images where uri = $uri"
    assert pool.run(where, {"uri": "7.png"}).table().to_pylist() == [{"image_id": "i7"}]
    assert pool.run(where, {"uri": "' or true --"}).table().num_rows == 0
    assert pool.run("select ? + 1 as n", [2]).table().to_pylist() == [{"n": 3}]


def test_an_answer_without_rows_has_its_columns(pool):
    table = pool.run("select image_id, 1 as one from images where false").table()
    assert (table.num_rows, table.schema.names) == (0, ["image_id", "one"])


def test_tags_are_schemas(pool):
    assert pool.run("select count(*) as n from before.images").table().to_pylist() == [{"n": 50}]


def test_rows_beyond_the_limit_are_cut_and_the_answer_is_truncated(pool):
    rows = pool.run("from range(1000000000000)")
    assert (rows.table().num_rows, rows.truncated) == (1000, True)
    rows = pool.run("from range(10)", max_rows=10)
    assert (rows.table().num_rows, rows.truncated) == (10, False)
    rows = pool.run("from range(11)", max_rows=10)
    assert (rows.table().num_rows, rows.truncated) == (10, True)


def test_a_value_that_is_too_large_is_named(pool):
    with pytest.raises(LimitError, match="column big"):
        pool.run("select repeat('x', 2000000) as big").table()
    with pytest.raises(LimitError, match="column big"):
        pool.run("select range(1000000) as big").table()


def test_a_statement_that_takes_too_long_is_stopped(pool):
    with pytest.raises(TimeLimitError, match="1 second") as caught:
        pool.run("select sum(a.range * b.range) from range(10000000) a, range(10000000) b", seconds=1)
    assert caught.value.status == 408
    assert pool.run("select 1 as n").table().num_rows == 1


def test_a_statement_that_needs_too_much_memory_says_so(pool):
    with pytest.raises(LimitError, match="memory"):
        pool.run("select list(i) from range(1000000000) t(i)")
    assert pool.run("select 1 as n").table().num_rows == 1


def test_a_cancelled_statement_frees_its_worker(pool):
    with pytest.raises(TimeLimitError):
        pool.run(
            "select sum(a.range * b.range) from range(10000000) a, range(10000000) b", cancelled=lambda: True
        )
    assert pool.run("select 1 as n").table().num_rows == 1


def test_an_answer_that_is_not_read_holds_no_worker(pool):
    rows = pool.run("select range as n from range(1000000)")
    assert pool.run("select 1 as n").table().num_rows == 1
    assert rows.table()["n"].to_pylist() == list(range(1000))


def test_values_of_every_kind_come_through(pool):
    kinds = {
        "'b'::enum('a', 'b')": "b",
        "['b'::enum('a', 'b')]": ["b"],
        "{'a': 'b'::enum('a', 'b')}": {"a": "b"},
        "map {'a': 1}": [("a", 1)],
        "union_value(a := 1)": 1,
        "array_value(1, 2)": [1, 2],
        "'a'::blob": b"a",
        "170141183460469231731687303715884105727::hugeint": 170141183460469231731687303715884105727,
        "null": None,
    }
    for text, value in kinds.items():
        assert pool.run(f"select {text} as v").table().to_pylist() == [{"v": value}], text
    for text in ("timestamp 'infinity'", "interval 3 months", "uuid()", "1::variant", "12::varint"):
        assert pool.run(f"select {text} as v").table().num_rows == 1


def test_an_error_comes_with_its_place(pool):
    with pytest.raises(InvalidInputError, match="Binder Error at 1:8"):
        pool.run("select nosuch from images")


def test_parameters_that_cannot_be_sent_are_refused(pool):
    for params in ([object()], [float("nan")], {"a": {1, 2}}):
        with pytest.raises(InvalidInputError):
            pool.run("select $a", params)
    for params in (["\ud83d"], [10**40]):
        with pytest.raises(InvalidInputError):
            pool.run("select $1", params)
    assert pool.run("select 1 as n").table().num_rows == 1


def test_new_data_is_seen(pool, uri):
    Store.open(uri).upsert("members", [{"collection": "gallery", "image_id": "i1"}])
    assert pool.run("select count(*) as n from members").table().to_pylist() == [{"n": 1}]
    Store.open(uri).tag("after")
    assert pool.run("select count(*) as n from after.members").table().to_pylist() == [{"n": 1}]


def process(pool):
    """The process of the only worker."""
    pool.run("select 1")
    return pool.workers.processes[0].process


def test_a_worker_that_dies_is_replaced(pool):
    before = process(pool)
    before.kill()
    before.join()
    assert pool.run("select 1 as n").table().num_rows == 1
    assert process(pool).pid != before.pid


def test_a_worker_that_kept_much_memory_is_replaced(uri):
    with SqlPool(uri, workers=1, memory="100MB", wait=60) as pool:
        before = process(pool).pid
        with pytest.raises(LimitError):
            pool.run("select length(string_agg(repeat('x', 100000), '')) from range(100000)")
        with pytest.raises(LimitError):
            pool.run("select max(len(list_transform(range(100000), lambda x: repeat('x', 100000))))")
        assert pool.run("select 1 as n").table().num_rows == 1
        resident = resident_bytes(process(pool).pid)
        assert process(pool).pid != before or resident < 500 << 20


def test_a_busy_pool_says_so(uri):
    endless = "select sum(a.range * b.range) from range(10000000) a, range(10000000) b"
    with SqlPool(uri, workers=1, wait=0.2) as pool:
        stop = threading.Event()

        def run():
            with pytest.raises(TimeLimitError):
                pool.run(endless, cancelled=stop.is_set)

        running = threading.Thread(target=run)
        running.start()
        while not pool.workers.queue.running:
            time.sleep(0.01)
        with pytest.raises(BusyError):
            pool.run("select 1")
        stop.set()
        running.join()


def test_two_statements_run_at_once(uri):
    with SqlPool(uri, workers=2, wait=60) as pool:
        answers = []
        threads = [
            threading.Thread(target=lambda n=n: answers.append(pool.run(f"select {n} as n").table()))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(table["n"][0].as_py() for table in answers) == list(range(8))


def test_a_closed_pool_leaves_no_process(uri):
    pool = SqlPool(uri, workers=2)
    processes = [worker.process for worker in pool.workers.processes]
    pool.close()
    assert not any(process.alive() for process in processes)
    with pytest.raises(BusyError):
        pool.run("select 1")


def test_a_missing_store_is_an_error_at_once(tmp_path):
    with pytest.raises(NotFoundError):
        SqlPool(str(tmp_path / "none"))
