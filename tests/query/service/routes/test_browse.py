"""What the page lists: the store, its samples, its metrics, its health."""

import re
import shutil

import pytest
from attribase.query import connect, evaluate, similar_text
from attribase.query.service import ServiceOptions
from attribase.store import Store
from fastapi.testclient import TestClient

from ...text_tower import add_tower
from ..conftest import HOME, app_in_process


def test_info_describes_the_store(client, world):
    said = client.get("/v1/info").json()
    store = world.store
    assert said["counts"] == {table: store.count(table) for table in ("images", "samples", "models")}
    assert {one["collection"]: one["images"] for one in said["collections"]} == {
        "gallery": 200,
        "exemplars": 30,
    }
    assert said["encoders"] == [
        {"encoder": "enc", "dim": 16, "mappers": ["none"], "calibrated": ["none"], "index": {}}
    ]
    assert (said["name"], said["sql"]) == ("pictures.store", False)


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ({}, lambda _: True),
        ({"case": "other"}, lambda row: row["case_name"] == "other"),
        ({"case": "other", "split": "val"}, lambda row: (row["case_name"], row["split"]) == ("other", "val")),
        ({"scheme": "media", "model": "m3"}, lambda row: (row["scheme"], row["model_id"]) == ("media", "m3")),
        ({"q": "CAT'S"}, lambda row: "cat's" in (row["prompt"] or "").lower()),
        ({"q": "m2-s"}, lambda row: "m2-s" in (row["uri"] or "")),
        ({"q": "%"}, lambda _: False),
        ({"case": "none of these"}, lambda _: False),
    ],
)
def test_samples_are_those_that_all_conditions_hold_for(client, world, conditions, wanted):
    models = {row["model_id"]: row for row in world.store.read("models").to_pylist()}
    rows = [{**row, **models[row["model_id"]]} for row in world.store.read("samples").to_pylist()]
    said = client.get("/v1/samples", params={**conditions, "limit": 1000}).json()
    expected = {row["sample_id"] for row in rows if wanted(row)}
    assert {row["sample_id"] for row in said["samples"]} == expected
    assert said["total"] == len(expected)


def test_pages_of_samples_add_up(client):
    whole = client.get("/v1/samples?limit=1000").json()["samples"]
    pages = [client.get(f"/v1/samples?limit=5&offset={at}").json() for at in range(0, len(whole) + 5, 5)]
    assert [row for page in pages for row in page["samples"]] == whole
    assert {page["total"] for page in pages} == {len(whole)}
    assert next(row for row in whole if row["model_id"] == "m1")["exemplar_ids"] == ["e05"]


def test_metrics_are_those_of_the_view_with_intervals_where_asked(small):
    list(evaluate(small.store))
    app = app_in_process(small.store.uri, ServiceOptions(sql=False))
    with TestClient(app, base_url=HOME) as client:
        rows = client.get("/v1/metrics").json()["rows"]
        with_intervals = client.get("/v1/metrics?intervals=true").json()["rows"]
    expected = connect(small.store.uri).sql("from metrics").to_arrow_table().to_pylist()
    assert sorted(map(str, rows)) == sorted(map(str, expected))
    assert all(
        row["intervals"].keys() == {"recall_5", "recall_10", "recall_100", "map"} for row in with_intervals
    )


def test_an_empty_store_is_served_too(tmp_path):
    from attribase.store import Store

    app = app_in_process(Store.create(tmp_path / "empty.store").uri, ServiceOptions(sql=False))
    with TestClient(app, base_url=HOME) as client:
        assert client.get("/v1/info").json()["encoders"] == []
        assert client.get("/v1/samples").json() == {"total": 0, "before": 0, "samples": []}
        assert client.get("/v1/metrics").json() == {"rows": []}
        response = client.post("/v1/attribute", json={"sample": "x"})
        assert (response.status_code, bool(response.json()["error"]["hint"])) == (404, True)


def test_health_and_numbers_for_prometheus(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    version = client.get("/readyz").json()["version"]
    client.get("/v1/images/whole")
    client.get("/nowhere/at/all")
    text = client.get("/metrics").text
    assert f'attribase_snapshot_info{{version="{version}"}} 1.0' in text
    assert 'route="/v1/images/{image_id}"' in text
    assert "nowhere" not in text
    assert "attribase_request_seconds_bucket" in text


def test_the_description_is_whole_and_offline(client):
    said = client.get("/openapi.json").json()
    for path in ("/v1/attribute", "/v1/sql", "/v1/table/{name}/query/", "/v1/images/{image_id}"):
        assert path in said["paths"]
    assert {"AttributeBody", "SqlBody", "QueryBody"} <= set(said["components"]["schemas"])
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert (
        "//" not in page.text.replace("<!doctype html>", "").split("</head>")[0]
    )  # nothing from another host
    files = re.findall(r'(?:src|href)="(/docs/[^"]+)"', page.text)
    assert sorted(path.rpartition(".")[2] for path in files) == ["css", "js", "js"]
    assert [client.get(path).status_code for path in files] == [200, 200, 200]


def test_pages_allow_no_script_but_their_own(client):
    for path in ("/", "/docs"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


def test_images_are_found_by_words(world, tmp_path):
    store = Store.open(shutil.copytree(world.store.uri, tmp_path / "worded.store"))
    add_tower(store, "enc", 16)
    with TestClient(app_in_process(store.uri, ServiceOptions()), base_url=HOME) as client:
        assert client.get("/v1/info").json()["text_encoders"] == ["enc"]
        said = client.get("/v1/similar", params={"text": "a red car", "k": 3}).json()
        assert said == similar_text(store, "a red car", k=3).to_dict()
        assert client.get("/v1/similar").status_code == 422
        assert client.get("/v1/similar", params={"text": "car", "encoder": "other"}).status_code == 404


def test_a_store_without_a_text_tower_finds_nothing_by_words(client):
    assert client.get("/v1/info").json()["text_encoders"] == []
    answer = client.get("/v1/similar", params={"text": "a red car"})
    assert answer.status_code == 404
    assert "compares text" in answer.json()["error"]["message"]
