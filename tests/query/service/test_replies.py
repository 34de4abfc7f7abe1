"""The answers of the service fit what /openapi.json says of them, and a generated client reads them."""

import importlib
import json
import subprocess
import sys

import pytest
from attribase.query.service import ServiceOptions
from attribase.query.service.listing_replies import ImagesReply, SamplesReply, ValuesReply
from attribase.query.service.replies import (
    AttributeReply,
    ErrorReply,
    InfoReply,
    MetricsReply,
    SqlReply,
)
from attribase.query.service.routes.store_map import MapReply
from attribase.query.service.routes.usage import UsageReply
from fastapi.testclient import TestClient

from .conftest import HOME, app_in_process

ASKED = {
    "info": ("get", "/v1/info", None, InfoReply),
    "metrics": ("get", "/v1/metrics?intervals=true", None, MetricsReply),
    "samples": ("get", "/v1/samples?limit=3", None, SamplesReply),
    "samples by id": ("get", "/v1/samples?limit=3&after=", None, SamplesReply),
    "images": ("get", "/v1/images?limit=3", None, ImagesReply),
    "values": ("get", "/v1/values?field=creator", None, ValuesReply),
    "map": ("get", "/v1/map", None, MapReply),
    "usage": ("get", "/v1/usage?by=creator", None, UsageReply),
    "answer": ("post", "/v1/attribute", {"sample": "m1-s0", "k": 3, "by": "creator"}, AttributeReply),
    "answers": (
        "post",
        "/v1/attribute",
        {"queries": [{"sample": "m1-s0"}, {"sample": "nobody"}]},
        AttributeReply,
    ),
    "sql": ("post", "/v1/sql", {"sql": "select 1 as a, null as b"}, SqlReply),
    "error": ("post", "/v1/attribute", {"sample": "nobody"}, ErrorReply),
    "unknown": ("get", "/v1/nothing", None, ErrorReply),
}


@pytest.fixture(scope="module")
def client(world):
    """The service with SQL, in process."""
    app = app_in_process(world.uri, ServiceOptions())
    with TestClient(app, base_url=HOME, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json()


@pytest.mark.parametrize("what", sorted(ASKED))
def test_an_answer_has_the_fields_of_its_schema_and_no_others(client, what):
    method, path, body, model = ASKED[what]
    response = client.request(method, path, **({"json": body} if body else {}))
    model.model_validate_json(response.content)


def test_every_address_says_what_it_answers(document):
    for path in ("/v1/info", "/v1/metrics", "/v1/samples", "/v1/attribute", "/v1/sql"):
        for operation in document["paths"][path].values():
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert schema["$ref"].startswith("#/components/schemas/")
            assert "4XX" in operation["responses"]


def test_every_reference_of_the_document_leads_somewhere(document):
    schemas = document["components"]["schemas"]
    names = [part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]]
    assert names
    assert set(names) <= set(schemas)


@pytest.mark.slow
def test_a_generated_client_reads_the_answers(client, document, tmp_path, monkeypatch):
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    arguments = ["generate", "--path", "openapi.json", "--meta", "none", "--output-path", "made_client"]
    command = [sys.executable, "-m", "openapi_python_client", *arguments, "--config", "config.yaml"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    models = importlib.import_module("made_client.models")
    info = models.InfoReply.from_dict(client.get("/v1/info").json())
    assert info.encoders[0].encoder == "enc"
    value = client.post("/v1/attribute", json={"sample": "m1-s0", "k": 3}).json()
    answer = models.AnswerReply.from_dict(value)
    assert [one.image_id for one in answer.results] == [one["image_id"] for one in value["results"]]
    assert answer.results[0].influence == value["results"][0]["influence"]
    rows = models.SqlReply.from_dict(client.post("/v1/sql", json={"sql": "select 1 as a"}).json())
    assert (rows.columns, rows.rows) == (["a"], [[1]])
