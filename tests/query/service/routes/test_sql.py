"""POST /v1/sql: rows as JSON and Arrow, cut, refused, and stopped when the client disconnects."""

import asyncio
import json

import httpx
import pyarrow as pa
import pytest
from attribase.query import connect
from attribase.query.service import ServiceOptions, create_app
from fastapi.testclient import TestClient

from ..conftest import HOME, app_in_process, run, until

ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture(scope="module")
def asking(world):
    app = app_in_process(world.uri, ServiceOptions(sql_seconds=5.0, rows=20_000))
    with TestClient(app, base_url=HOME, raise_server_exceptions=False) as client:
        yield client


def ask(client, statement, accept="application/json", **more):
    return client.post("/v1/sql", json={"sql": statement, **more}, headers={"accept": accept})


def test_rows_are_those_of_a_connection_in_process(asking, world):
    statement = "select image_id, creator, width from images order by all"
    said = ask(asking, statement).json()
    rows = connect(world.uri).sql(statement).fetchall()
    assert (said["columns"], said["types"]) == (
        ["image_id", "creator", "width"],
        ["string", "string", "int32"],
    )
    assert [tuple(row) for row in said["rows"]] == rows
    assert said["truncated"] is False


@pytest.mark.parametrize("params", [{"name": "c1"}, ["c1"]])
def test_parameters_are_bound(asking, world, params):
    place = "$name" if isinstance(params, dict) else "?"
    said = ask(asking, f"select count(*) from images where creator = {place}", params=params).json()
    assert said["rows"] == [[world.store.count("images", "creator = 'c1'")]]


def test_values_without_a_json_type_are_converted(asking):
    statement = (
        "select 'nan'::double, 'é'''::varchar, [1, null], {'a': date '2026-01-02'}, 2::hugeint ** 70, null"
    )
    ((not_a_number, text, items, struct, _, nothing),) = ask(asking, statement).json()["rows"]
    assert (not_a_number, text, items, struct, nothing) == (None, "é'", [1, None], {"a": "2026-01-02"}, None)


@pytest.mark.parametrize("rows", [10, 30_000])
def test_an_answer_is_cut_and_says_so(asking, rows):
    said = ask(asking, "select i, 'row ' || i from range(1000000) r(i)", max_rows=rows).json()
    most = min(rows, 20_000)
    assert (len(said["rows"]), said["truncated"]) == (most, True)
    assert said["rows"][-1] == [most - 1, f"row {most - 1}"]


def test_an_arrow_stream_has_the_rows_and_says_whether_it_was_cut(asking):
    for rows in (5, 100):
        answer = ask(asking, "from range(50)", accept=ARROW, max_rows=rows)
        reader = pa.ipc.open_stream(answer.content)
        read, cut = [], False
        while True:
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                break
            read += batch.column(0).to_pylist()
            cut = cut or (metadata or {}).get(b"truncated") == b"true"
        assert (read, cut) == (list(range(min(rows, 50))), rows < 50)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"sql": "selekt 1"}, 400, "1:1"),
        ({"sql": "select nothing from images"}, 400, "nothing"),
        ({"sql": "select 1; select 2"}, 400, "one SELECT"),
        ({"sql": "drop table images"}, 400, "SELECT"),
        ({"sql": "copy images to '/tmp/x.csv'"}, 400, "SELECT"),
        ({"sql": "from read_text('/etc/passwd')"}, 400, "read_text"),
        ({"sql": "from '/etc/passwd'"}, 400, "table"),
        ({"sql": "select getenv('HOME')"}, 400, "getenv"),
        ({"sql": ""}, 400, "sql"),
        ({"sql": 3}, 400, "sql"),
        ({"sql": "select 1", "max_rows": 0}, 400, "max_rows"),
        ({"sql": "select 1", "max_rows": "many"}, 400, "max_rows"),
        ({"sql": "select $a"}, 400, "a"),
        ({"sql": "select 1", "params": {"a": 1}}, 400, "$a"),
        ({"sql": "select 1", "params": "a"}, 400, "params"),
        ({"sql": "select 1", "database": "other"}, 400, "database"),
        ({"sql": "select count(*) from range(100000000) a, range(100000000) b"}, 408, "s"),
    ],
)
def test_what_may_not_or_cannot_run_is_refused_with_a_reason(asking, body, status, reason):
    response = asking.post("/v1/sql", json=body)
    assert response.status_code == status, response.text
    assert reason in response.json()["error"]["message"]
    assert ask(asking, "select 1").json()["rows"] == [[1]]


def test_not_a_number_is_no_parameter(asking):
    response = asking.post(
        "/v1/sql",
        content='{"sql": "select $a", "params": {"a": NaN}}',
        headers={"content-type": "application/json"},
    )
    assert (response.status_code, response.json()["error"]["status"]) == (400, 400)


SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/v1/sql",
    "raw_path": b"/v1/sql",
    "query_string": b"",
    "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    "scheme": "http",
    "server": ("127.0.0.1", 80),
    "root_path": "",
    "http_version": "1.1",
    "asgi": {"version": "3.0"},
}


class Leaver:
    """A client that asks and disconnects when `left` is set."""

    def __init__(self, statement):
        self.body = json.dumps({"sql": statement}).encode()
        self.asked, self.left = False, asyncio.Event()

    async def receive(self):
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        pass


def test_a_statement_is_stopped_when_its_client_disconnects(world):
    """With one worker, the next statement would wait for the one before it, which may take an hour."""
    endless = "select sum(a.range * b.range) from range(1000000) a, range(1000000) b, range(1000) c"
    app = create_app(world.uri, ServiceOptions(workers=1, sql_seconds=3600.0, wait_seconds=600.0))

    async def main():
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            leaver = Leaver(endless)
            running = asyncio.create_task(app(SCOPE, leaver.receive, leaver.send))
            await until(lambda: app.state.front.pool.queue.running)
            assert not running.done()
            leaver.left.set()
            await running
            answer = await client.post("/v1/sql", json={"sql": "select 1"}, timeout=None)
            return answer.json()

    assert run(main()).get("rows") == [[1]]


def test_types_that_arrow_or_json_do_not_have_come_as_text(asking):
    statement = (
        f"select {2**128 - 1}::uhugeint as a, interval 1 day as a, date 'infinity' as c, "
        "timetz '12:34:56+02' as d, '101'::bit as e, {'x': 1}::variant as f, time '24:00:00' as g"
    )
    said = ask(asking, statement).json()
    assert said["columns"] == ["a", "a", "c", "d", "e", "f", "g"]
    assert said["rows"] == [
        [str(2**128 - 1), "1 day", "infinity", "12:34:56+02", "101", '{"x":1}', "24:00:00"]
    ]
    several = ask(asking, "select 1; select 2")
    assert several.status_code == 400
    assert "only one SELECT statement can be run here; there are 2" in several.json()["error"]["message"]


def test_rows_as_csv(asking):
    statement = "select 1 as a, 'x, \"y\"' as b, null as c union all select 2, 'z', 0.5 order by a"
    response = asking.post("/v1/sql", json={"sql": statement}, headers={"accept": "text/csv"})
    assert response.headers["content-type"].startswith("text/csv")
    assert response.text.splitlines()[0] == "a,b,c"
    assert response.text.splitlines()[1] == '1,"x, ""y""",'
    assert response.text.splitlines()[2].startswith("2,z,0.5")


def test_csv_of_more_rows_than_the_service_returns_is_an_error_not_a_part(asking):
    statement = {"sql": "select * from range(30_000)"}
    response = asking.post("/v1/sql", json=statement, headers={"accept": "text/csv"})
    assert response.status_code == 413
    assert "CSV cannot say" in response.json()["error"]["message"]
    asked = asking.post("/v1/sql", json=statement | {"max_rows": 5}, headers={"accept": "text/csv"})
    assert asked.text.splitlines() == ["range", "0", "1", "2", "3", "4"]
