"""POST /v1/evidence: packs that the service signs."""

import io
import json
import pickle
import zipfile

import pytest
from attribase.packs import PackSigner, Trust, create_certified_key, fingerprint, recompute, verify_pack
from attribase.packs.served import ServedPacks
from attribase.query.service import ServiceOptions
from attribase.store import InvalidInputError
from fastapi.testclient import TestClient

from ..conftest import HOME, LIMITS, app_in_process, picture


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "office.pem"
    create_certified_key(path, "The office")
    return path


@pytest.fixture(scope="module")
def signing(world, key):
    """A service that signs; what signs went through a pipe, as to a worker process."""
    packs = pickle.loads(pickle.dumps(ServedPacks.of(PackSigner.read(key))))
    app = app_in_process(world.uri, ServiceOptions(sql=False, **LIMITS), packs)
    with TestClient(app, base_url=HOME, raise_server_exceptions=False) as client:
        yield client


def saved(response, folder):
    path = folder / "a.zip"
    path.write_bytes(response.content)
    return path


def test_a_pack_of_a_sample_holds_and_is_recomputed(signing, world, key, tmp_path):
    response = signing.post(
        "/v1/evidence", json={"sample": "m1-s0", "k": 4, "encoder": "enc", "by": "creator"}
    )
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/zip"
    assert response.headers["content-disposition"] == 'attachment; filename="evidence.zip"'
    path = saved(response, tmp_path)
    signer = signing.get("/v1/info").json()["evidence"]
    assert signer == fingerprint(PackSigner.read(key).key.public)
    assert all(finding.holds for finding in verify_pack(path, Trust(signer)))
    assert recompute(path, world.store).equal
    with zipfile.ZipFile(io.BytesIO(response.content)) as file:
        content = json.loads(file.read("answer.json"))
    answer = signing.post("/v1/attribute", json={"sample": "m1-s0", "k": 4, "by": "creator"}).json()
    assert content["answer"]["results"] == answer["results"]


@pytest.mark.usefixtures("encoding")
def test_a_pack_of_an_uploaded_picture_has_its_name_and_bytes(signing, tmp_path):
    data = picture(3)
    response = signing.post(
        "/v1/evidence", files={"image": ("my sunset \u00e9.v2.png", data)}, data={"k": "2"}
    )
    assert response.status_code == 200, response.text
    assert response.headers["content-disposition"] == 'attachment; filename="my-sunset-v2.zip"'
    assert all(finding.holds for finding in verify_pack(saved(response, tmp_path)))
    with zipfile.ZipFile(io.BytesIO(response.content)) as file:
        assert file.read("picture.png") == data
        assert json.loads(file.read("answer.json"))["asked"]["kind"] == "picture"
    raw = signing.post("/v1/evidence?k=2", content=data, headers={"content-type": "image/png"})
    assert raw.status_code == 200


def test_a_service_without_a_key_says_so(client):
    info = client.get("/v1/info").json()
    assert info["evidence"] is None
    assert info["evidence_images"] == 200  # see 201 below
    refused = client.post("/v1/evidence", json={"sample": "drawn"})
    assert refused.status_code == 403
    assert "--evidence-key" in refused.json()["error"]["hint"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"queries": [{"sample": "drawn"}]}, 400, "of one question"),
        ({"vector": [1.0] * 16}, 400, "not of a vector"),
        ({"sample": "nosuch"}, 404, "nosuch"),
        ({"sample": "/etc/hostname"}, 404, "is no file, sample_id or sample's uri"),
        ({"sample": "drawn", "k": 201}, 413, "201 images in a pack"),
        ({"sample": "drawn", "at": "never"}, 404, "never"),
        ({"sample": "drawn", "key": "/etc/passwd"}, 400, "key"),
        ({}, 400, "give one of"),
    ],
)
def test_what_no_pack_can_be_made_of_is_refused(signing, body, status, says):
    refused = signing.post("/v1/evidence", json=body)
    assert refused.status_code == status
    error = refused.json()["error"]
    assert says in error["message"]
    assert error["hint"]


def test_the_key_is_in_no_text(key):
    packs = ServedPacks.of(PackSigner.read(key))
    assert packs.secret.hex() not in repr(packs)
    assert repr(packs.secret) not in repr(packs)


def test_a_file_that_is_no_key_is_an_error_when_the_service_starts(tmp_path):
    (tmp_path / "a.pem").write_text("no key")
    with pytest.raises(InvalidInputError, match="no Ed25519 private key"):
        PackSigner.read(tmp_path / "a.pem")


def test_a_pack_may_take_longer_than_other_requests(world):
    """The deadline that its worker gets is of its own."""
    app = app_in_process(world.uri, ServiceOptions(sql=False, seconds=7.0, evidence_seconds=70.0))
    given = {}
    pool = app.state.front.pool
    submit = pool.submit
    pool.submit = lambda request: given.update({request.fields["path"]: request.seconds}) or submit(request)
    with TestClient(app, base_url=HOME) as client:
        client.post("/v1/evidence", json={"sample": "m1-s0"})
        client.post("/v1/attribute", json={"sample": "m1-s0"})
    assert given == {"/v1/evidence": 70.0, "/v1/attribute": 7.0}
