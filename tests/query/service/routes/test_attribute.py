"""POST /v1/attribute: every way to ask, against a few lines of numpy."""

import base64
import csv
import hashlib
import io
import json
from datetime import datetime

import pyarrow as pa
import pytest
from attribase.query import attribute as in_process

from ..conftest import picture

ARROW = "application/vnd.apache.arrow.stream"


def test_a_sample_is_answered_as_by_hand(client, world):
    answer = client.post("/v1/attribute", json={"sample": "m1-s0", "k": 7}).json()
    for result, (image, score, share) in zip(
        answer["results"], world.by_hand(world.vectors["m1-s0"]), strict=False
    ):
        assert result["image_id"] == image
        assert result["similarity"] == pytest.approx(score, abs=1e-6)
        assert result["influence"] == pytest.approx(share, abs=1e-6)
    assert len(answer["results"]) == 7
    assert (answer["exact"], answer["complete"], answer["tau"]) == (True, True, world.tau)


def test_the_answer_is_that_of_python(client, world):
    said = client.post("/v1/attribute", json={"sample": "m1-s0", "k": 5, "by": "creator"}).json()
    answer = json.loads(json.dumps(in_process(world.store, "m1-s0", k=5, by="creator").to_dict()))
    for one in (said, answer):
        datetime.fromisoformat(one["provenance"].pop("date"))  # each its own
    assert said == answer


def test_the_store_is_asked_at_the_state_that_an_answer_names(client):
    body = {"sample": "m1-s0", "k": 5}
    now = client.post("/v1/attribute", json=body).json()
    named = now["provenance"]
    again = client.post("/v1/attribute", json=body | {"at": named["at"]}).json()
    assert again["results"] == now["results"]
    assert again["provenance"] == named | {"date": again["provenance"]["date"]}
    for at, status in {
        "never": 404,
        "2001-01-01T00:00:00Z": 404,
        "last week": 400,
        "0123456789ab": 404,
    }.items():
        refused = client.post("/v1/attribute", json=body | {"at": at})
        assert refused.status_code == status, refused.text
        assert refused.json()["error"]["hint"]


def test_a_vector_is_the_raw_feature_of_a_generated_image(client, world):
    vector = world.vectors["m2-s1"]
    by_vector = client.post("/v1/attribute", json={"vector": vector.tolist(), "k": 5}).json()
    by_sample = client.post("/v1/attribute", json={"sample": "m2-s1", "k": 5}).json()
    assert by_vector["results"] == by_sample["results"]


@pytest.mark.usefixtures("encoding")
def test_an_image_comes_as_base64_as_a_data_url_or_as_a_file(client, world):
    data = picture(3)
    from attribase.runtime import decode_image

    from ..conftest import Pixels

    (feature,) = Pixels().encode([decode_image(data)])
    text = base64.b64encode(data).decode()
    asked = [
        client.post("/v1/attribute", json={"image": text, "k": 4}),
        client.post("/v1/attribute", json={"image": f"data:image/png;base64,{text}", "k": 4}),
        client.post("/v1/attribute", files={"image": ("a.png", data)}, data={"k": "4", "encoder": ""}),
    ]
    wanted = [image for image, _, _ in world.by_hand(feature)[:4]]
    for response in asked:
        assert response.status_code == 200, response.text
        assert [one["image_id"] for one in response.json()["results"]] == wanted


def test_several_questions_are_answered_in_their_order(client, world):
    queries = [{"sample": "m1-s0"}, {"vector": world.vectors["m0-s1"].tolist()}, {"sample": "m1-s0"}]
    answers = client.post("/v1/attribute", json={"queries": queries, "k": 3}).json()["answers"]
    singly = [client.post("/v1/attribute", json={**query, "k": 3}).json() for query in queries]
    assert [one["results"] for one in answers] == [one["results"] for one in singly]


def test_rows_come_as_an_arrow_stream(client):
    body = {"queries": [{"sample": "m1-s0"}, {"sample": "m0-s1"}], "k": 3}
    response = client.post("/v1/attribute", json=body, headers={"accept": ARROW})
    rows = pa.ipc.open_stream(response.content).read_all().to_pylist()
    answers = client.post("/v1/attribute", json=body).json()["answers"]
    assert response.headers["content-type"] == ARROW
    assert [(row["query"], row["rank"], row["image_id"], row["influence"]) for row in rows] == [
        (answer["query"], one["rank"], one["image_id"], one["influence"])
        for answer in answers
        for one in answer["results"]
    ]


def test_a_condition_narrows_the_pool_and_by_adds_up(client, world):
    answer = client.post(
        "/v1/attribute", json={"sample": "m1-s0", "k": 1000, "where": "creator = 'c1'", "by": "creator"}
    ).json()
    creators = {row["image_id"]: row["creator"] for row in world.store.read("images").to_pylist()}
    mine = [i for i in world.pool() if creators[i] == "c1"]
    by_hand = world.by_hand(world.vectors["m1-s0"], mine)
    assert [one["image_id"] for one in answer["results"]] == [image for image, _, _ in by_hand]
    assert answer["pool_size"] == len(mine)
    assert [one["name"] for one in answer["shares"]] == ["c1"]


def test_influence_is_summed_by_a_field_of_the_metadata(client, world):
    vector = world.vectors["g000"] + world.vectors["g001"]
    question = {"vector": vector.tolist(), "k": 1000, "by": "metadata.artist"}
    answer = client.post("/v1/attribute", json=question).json()
    artist = {f"g{n:03d}": f"Ann {n % 2}" for n in range(150)}
    expected = {}
    for image, _, share in world.by_hand(vector):
        if share > 0:
            expected[artist.get(image)] = expected.get(artist.get(image), 0.0) + share
    assert {"Ann 0", "Ann 1"} <= expected.keys()
    assert answer["by"] == "metadata.artist"
    assert {one["name"]: one["influence"] for one in answer["shares"]} == pytest.approx(expected)


@pytest.mark.parametrize("name", ["artists", "year", "a'b", "Artist"])
def test_a_field_of_the_metadata_that_no_image_has_is_refused_with_those_there_are(client, name):
    answer = client.post("/v1/attribute", json={"sample": "m1-s0", "by": f"metadata.{name}"})
    assert answer.status_code == 422
    assert answer.json()["error"] == {
        "message": f"no image has a value of {f'metadata.{name}'!r}",
        "hint": "use metadata.artist",
        "status": 422,
    }


def test_text_never_names_a_file_of_the_server(client, tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(picture(1))
    for name in (str(path), f"file://{path}", "../" * 9 + str(path)):
        assert client.post("/v1/attribute", json={"sample": name}).status_code == 404


def test_a_bad_question_of_several_is_an_error_in_its_place(client):
    picture_that_is_none = base64.b64encode(b"<html>").decode()
    queries = [
        {"sample": "m1-s0"},
        {"image": picture_that_is_none},
        {"image": "no base64!"},
        {"sample": "nobody"},
        {"vector": [1.0, 2.0]},
        {"sample": "m0-s1"},
    ]
    response = client.post("/v1/attribute", json={"queries": queries, "k": 3})
    assert response.status_code == 200
    answers = response.json()["answers"]
    assert [one.get("error", {}).get("status") for one in answers] == [None, 422, 400, 404, 400, None]
    assert answers[1]["error"]["message"] == "the bytes are in no known image format"
    assert answers[3]["query"] == "nobody"
    alone = client.post("/v1/attribute", json={"sample": "m0-s1", "k": 3}).json()
    assert answers[-1]["results"] == alone["results"]
    stream = client.post("/v1/attribute", json={"queries": queries, "k": 3}, headers={"accept": ARROW})
    rows = pa.ipc.open_stream(stream.content).read_all().to_pylist()
    assert [row["error"] is None for row in rows] == [True] * 3 + [False] * 4 + [True] * 3


@pytest.mark.usefixtures("encoding")
def test_a_bad_file_of_several_is_an_error_in_its_place(client):
    files = [("image", (f"{name}.png", data)) for name, data in (("a", picture(3)), ("b", b"<html>"))]
    answers = client.post("/v1/attribute", files=files, data={"k": "2"}).json()["answers"]
    assert ["error" in one for one in answers] == [False, True]
    assert [one["query"] for one in answers] == ["a.png", "b.png"]
    assert answers[1]["error"]["message"] == "b.png: the bytes are in no known image format"
    alone = client.post("/v1/attribute", files=files[1:], data={"k": "2"})
    assert alone.status_code == 422


@pytest.mark.usefixtures("encoding")
def test_an_answer_keeps_the_name_of_its_file_without_folders(client):
    names = {"a.png": "a.png", "C:\\me\\b.png": "b.png", "up/../c.png": "c.png"}
    for sent, kept in names.items():
        answer = client.post("/v1/attribute", files={"image": (sent, picture(3))}, data={"k": "1"}).json()
        assert answer["query"] == kept
    body = {"image": base64.b64encode(picture(3)).decode(), "k": 1}
    assert client.post("/v1/attribute", json=body).json()["query"] == hashlib.sha256(picture(3)).hexdigest()


def test_the_answer_counts_images_in_the_pool_with_a_vector_and_compared(client, world):
    answer = client.post("/v1/attribute", json={"sample": "m1-s0"}).json()
    assert [answer[name] for name in ("pool_size", "embedded", "searched")] == [len(world.pool())] * 3


def test_a_level_without_an_abstention_is_an_error_with_the_command(client):
    plain = client.post("/v1/attribute", json={"sample": "m1-s0"}).json()
    assert (plain["p_none"], plain["attributed"], plain["alpha"], plain["set_size"]) == (None,) * 4
    refused = client.post("/v1/attribute", json={"sample": "m1-s0", "alpha": 0.1})
    assert refused.status_code == 409
    assert "train abstention" in refused.json()["error"]["hint"]
    for wrong in (0, 1, 2, "0.1"):
        assert client.post("/v1/attribute", json={"sample": "m1-s0", "alpha": wrong}).status_code == 400


@pytest.mark.usefixtures("encoding")
@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_the_bytes_of_a_picture_are_a_body_with_the_options_in_the_address(client, kind):
    data = picture(3)
    raw = client.post("/v1/attribute?k=4&by=creator", content=data, headers={"content-type": kind}).json()
    form = client.post("/v1/attribute", files={"image": data}, data={"k": "4", "by": "creator"}).json()
    assert raw["results"] == form["results"]
    assert raw["shares"] == form["shares"]
    refused = client.post("/v1/attribute?kk=4", content=data, headers={"content-type": kind})
    assert (refused.status_code, "kk" in refused.json()["error"]["message"]) == (400, True)
    broken = client.post("/v1/attribute", content=b"no picture", headers={"content-type": kind})
    assert broken.status_code == 422


def test_an_answer_as_csv_is_the_rows_of_the_arrow_stream(client):
    body = {"queries": [{"sample": "m1-s0"}, {"sample": "nobody"}], "k": 3}
    response = client.post("/v1/attribute", json=body, headers={"accept": "text/csv"})
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    arrow = client.post("/v1/attribute", json=body, headers={"accept": ARROW})
    table = pa.ipc.open_stream(arrow.content).read_all().to_pylist()
    assert [row["image_id"] for row in rows] == [row["image_id"] or "" for row in table]
    assert rows[-1]["query"] == "nobody"
    assert "nobody" in rows[-1]["error"]
