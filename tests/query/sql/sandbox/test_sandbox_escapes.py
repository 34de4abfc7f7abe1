"""Every attempt to escape is refused with a reason or answered harmlessly, and the pool goes on answering."""

import os
import threading
from contextlib import contextmanager

import pytest
from attribase.query.sql.sandbox import SqlPool
from attribase.query.sql.sandbox.limits import OVERHEAD
from attribase.query.workers.memory import resident_bytes
from attribase.store import Store
from attribase.store.errors import InvalidInputError, LimitError, TimeLimitError

from .attempts import FORMS, HARMLESS, POINTERS, READS, SECRETS, SETTINGS, WRITES

SECRET = "the secret of this machine"
MEMORY = 300_000_000
REFUSED = (*READS, *WRITES, *SETTINGS, *SECRETS, *POINTERS, *FORMS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("escapes")
    (folder / "secret.txt").write_text(SECRET)
    return folder


@pytest.fixture(scope="module")
def pool(folder):
    store = Store.create(folder / "my.store")
    store.upsert("images", [{"image_id": f"i{n}", "uri": f"{n}.png"} for n in range(50)])
    store.ensure_vectors("near", 4)
    store.upsert("encoders", [{"encoder": "near", "dim": 4, "size": 224}])
    store.upsert("vectors_near", [{"item_id": "i1", "item_kind": "image", "base": [1.0, 0.0, 0.0, 0.0]}])
    store.upsert("members", [{"collection": "gallery", "image_id": "i1"}])
    os.environ["ATTRIBASE_SECRET"] = SECRET
    try:
        with SqlPool(store.uri, workers=1, memory="300MB", seconds=120, refresh=3600, wait=60) as pool:
            yield pool
    finally:
        del os.environ["ATTRIBASE_SECRET"]


def alive(pool):
    return pool.run("select count(*) as n from images").table().to_pylist() == [{"n": 50}]


def worker(pool):
    """The process of the only worker, which may just be being replaced."""
    pool.run("select 1")
    return pool.workers.processes[0].process


@contextmanager
def largest_memory(process):
    """A list that holds, in the end, the most resident bytes that were seen of a process."""
    found, done = [0], threading.Event()

    def look():
        while not done.wait(0.02):
            found[0] = max(found[0], resident_bytes(process) or 0)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        done.set()
        looking.join()


def test_there_are_sixty_attempts_and_more():
    assert len({statement for statement, _ in REFUSED}) >= 60


@pytest.mark.parametrize(("statement", "reason"), REFUSED, ids=lambda text: text[:60])
def test_an_attempt_is_refused_with_a_reason(pool, folder, statement, reason):
    before = worker(pool).pid
    statement = statement.replace("{secret}", str(folder / "secret.txt"))
    statement = statement.replace("{out}", str(folder / "out"))
    with pytest.raises(InvalidInputError, match=reason) as caught:
        pool.run(statement).table()
    assert SECRET not in str(caught.value) + caught.value.hint
    assert caught.value.hint
    assert not (folder / "out").exists()
    assert alive(pool)
    assert worker(pool).pid == before


@pytest.mark.parametrize(("statement", "rows"), HARMLESS, ids=lambda text: str(text)[:60])
def test_what_only_looks_dangerous_is_answered(pool, folder, statement, rows):
    answer = pool.run(statement.replace("{secret}", str(folder / "secret.txt"))).table()
    assert rows is None or answer.num_rows == rows
    assert SECRET not in str(answer.to_pylist())
    assert alive(pool)


GREEDY = (
    "select list(i) from range(10000000000) t(i)",
    "select repeat('x', 2000000000)",
    "select repeat('x', 1000000) from range(1000000)",
    "select range(1000000000)",
    "select string_agg(repeat('x', 10000), '') from range(10000000)",
    "select i from range(10000000000) t(i) order by hash(i)",
    "select count(distinct hash(i)) from range(10000000000) t(i)",
    "select max(s) from (select sum(i) over (order by hash(i)) s from range(10000000000) t(i))",
    "select a.i from range(100000000) a(i) join range(100000000) b(i) on hash(a.i) = b.i",
    "with recursive a(s) as (select 'x' union all select s || s from a) select max(length(s)) from a",
    "select unnest(range(1000000000)) order by 1 desc",
    "select repeat('x', 100000000) || repeat('y', 100000000) || i from range(10) t(i)",
)


@pytest.mark.slow
@pytest.mark.parametrize("statement", GREEDY, ids=lambda text: text[:60])
def test_greedy_statements_are_stopped_and_memory_is_bounded(pool, statement):
    pid = worker(pool).pid
    started = resident_bytes(pid)
    with largest_memory(pid) as largest, pytest.raises((LimitError, TimeLimitError)) as caught:
        pool.run(statement, seconds=20).table()
    assert caught.value.status in (408, 413)
    assert "memory" in str(caught.value) or "seconds" in str(caught.value) or "bytes" in str(caught.value)
    assert largest[0] < started + MEMORY + OVERHEAD
    assert alive(pool)


ENDLESS = (
    "with recursive a(n) as (select 1 union all select n from a) select count(*) from a",
    "select sum(a.range * b.range) from range(1000000) a, range(1000000) b, range(1000) c",
    "select count(*) from range(1000000000000) t(i) where sha256(i::varchar) = 'x'",
)


@pytest.mark.slow
@pytest.mark.parametrize("statement", ENDLESS, ids=lambda text: text[:60])
def test_endless_statements_are_stopped(pool, statement):
    with pytest.raises(TimeLimitError, match="1 second"):
        pool.run(statement, seconds=1).table()
    assert alive(pool)
