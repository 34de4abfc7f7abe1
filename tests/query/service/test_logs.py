"""The access log: a line a request with its id, and nothing secret in it."""

import io
import json
import logging

import pytest
from attribase.query.service import ServiceOptions, logs
from attribase.query.service.logs import (
    AccessLog,
    JsonFormatter,
    RequestIds,
    TextFormatter,
    configure_logging,
)

from .conftest import run

SECRET = "very-secret-token"


@pytest.fixture
def lines():
    """What is logged, as JSON, by the loggers of the package."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(RequestIds())
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("attribase")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_a_request_is_a_line_with_the_id_of_its_response(client, lines):
    response = client.get("/v1/samples?q=private", headers={"x-request-id": "abc-1"})
    assert response.headers["x-request-id"] == "abc-1"
    (line,) = [one for one in lines() if one["logger"] == "attribase.access"]
    assert (line["method"], line["path"], line["status"], line["request"]) == (
        "GET",
        "/v1/samples",
        200,
        "abc-1",
    )
    assert line["bytes"] == len(response.content)
    assert line["milliseconds"] > 0
    assert "private" not in json.dumps(line)


def test_every_request_has_an_id_of_its_own(client):
    first, second = (client.get("/healthz").headers["x-request-id"] for _ in range(2))
    assert len(first) == 32
    assert first != second


@pytest.mark.parametrize("given", ["a" * 65, "with blank", 'quote"', ""])
def test_an_id_that_is_no_plain_word_is_replaced(client, given):
    assert client.get("/healthz", headers={"x-request-id": given}).headers["x-request-id"] != given


def test_tokens_are_never_logged(client, lines):
    headers = {"authorization": f"Bearer {SECRET}", "x-api-key": SECRET}
    client.get(f"/v1/info?token={SECRET}", headers=headers)
    client.post("/v1/sql", json={"sql": f"select '{SECRET}' +"}, headers=headers)
    assert lines()
    assert SECRET not in json.dumps(lines())


def test_a_fault_in_a_worker_has_the_id_of_its_request(client, lines, monkeypatch):
    from attribase.query.service.routes import browse

    def fail(_):
        raise RuntimeError("a fault")

    monkeypatch.setattr(browse, "store_info", fail)
    assert client.get("/v1/info", headers={"x-request-id": "fault-7"}).status_code == 500
    faults = [one for one in lines() if one["level"] == "error"]
    assert [one["request"] for one in faults] == ["fault-7"]
    assert "RuntimeError: a fault" in faults[0]["traceback"]


def test_a_client_that_leaves_is_logged_as_499(lines):
    async def leave(_scope, _receive, _send):
        raise ConnectionError

    scope = {"type": "http", "method": "GET", "path": "/v1/info", "headers": [], "client": ("10.0.0.9", 1)}
    with pytest.raises(ConnectionError):
        run(AccessLog(leave)(scope, None, None))
    (line,) = lines()
    assert (line["status"], line["client"]) == (499, "10.0.0.9")


def test_a_record_is_one_line_of_text_with_its_fields():
    record = logging.LogRecord("attribase.access", logging.INFO, "", 0, "request", None, None)
    record.fields, record.request, record.created = {"status": 200, "client": ""}, "id-1", 0.0
    assert (
        TextFormatter().format(record) == "1970-01-01T00:00:00.000+00:00 info request status=200 request=id-1"
    )


def test_a_line_break_in_a_path_stays_in_its_line(client, lines):
    client.get("/v1/a%0Ab")
    (line,) = lines()
    assert line["path"] == "/v1/a\nb"


def test_the_level_and_the_format_are_those_of_the_options(capsys):
    loggers = logging.getLogger(), logging.getLogger("attribase")
    before = [(one.level, list(one.handlers)) for one in loggers]
    try:
        configure_logging(ServiceOptions(log_level="warning", log_format="json"))
        logging.getLogger("attribase.access").info("left out")
        logging.getLogger("attribase.service").warning("shown")
        (line,) = capsys.readouterr().err.splitlines()
        assert (json.loads(line)["message"], json.loads(line)["level"]) == ("shown", "warning")
    finally:
        for one, (level, handlers) in zip(loggers, before, strict=True):
            one.setLevel(level)
            one.handlers = handlers
    assert logs.REQUEST_ID == b"x-request-id"
