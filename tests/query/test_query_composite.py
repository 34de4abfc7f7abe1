"""A composite encoder all the way: parts, mapper, evaluation, and an answer by command, SQL and HTTP."""

import base64
import io
import json

import numpy as np
import pytest
from attribase import connect
from attribase.cli import cli
from attribase.query.service import ServiceOptions
from attribase.store import Store, content_id
from attribase.store.checks import check
from click.testing import CliRunner
from fastapi.testclient import TestClient
from PIL import Image

from .service.conftest import HOME, app_in_process

ENCODER, TABLE = "thumbnail+colour-histogram", "vectors_thumbnail_colour_histogram"
SPLITS = ["train"] * 5 + ["val", "test"]


def png(pixels: np.ndarray) -> bytes:
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


def ask(uri: str, *words: str) -> str:
    answer = CliRunner().invoke(cli, ["-s", uri, *words], catch_exceptions=False)
    assert answer.exit_code == 0, answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def uri(tmp_path_factory) -> str:
    """Pictures of 4 x 4 colours; a sample is its model's exemplar with noise."""
    store, rng = Store.create(tmp_path_factory.mktemp("stores") / "a.store"), np.random.default_rng(0)
    pictures = [np.kron(rng.integers(0, 256, (4, 4, 3)), np.ones((4, 4, 1))) for _ in range(40)]
    images = [png(pixels) for pixels in pictures]
    ids = [content_id(data) for data in images]
    store.upsert("images", [{"image_id": i, "bytes": data} for i, data in zip(ids, images, strict=True)])
    collections = ["gallery"] * 33 + ["exemplars"] * 7
    members = zip(collections, ids, strict=True)
    store.upsert("members", [{"collection": name, "image_id": item} for name, item in members])
    for n, split in enumerate(SPLITS):
        model = {"model_id": f"m{n}", "method": "custom-diffusion", "concept_kind": "object"}
        exemplar = {"exemplar_ids": [ids[33 + n]], "split": split, "case_name": "case"}
        store.upsert("models", [model | exemplar])
        for k in range(3):
            drawn = png(pictures[33 + n] + rng.normal(0, 40, (16, 16, 3)))
            row = {"sample_id": f"m{n}-s{k}", "model_id": f"m{n}", "scheme": "gpt", "prompt": "a picture"}
            store.upsert("samples", [row | {"bytes": drawn}])
    for encoder in ("thumbnail", ENCODER):  # the second run finds the vectors of the first
        ask(store.uri, "ingest", "embed", "--encoder", encoder)
    options = ("--epochs", "3", "--views", "2", "--lr", "0.0001")
    ask(store.uri, "train", "mapper", "--encoder", ENCODER, *options)
    return store.uri


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def rows(uri) -> dict[str, dict]:
    return {row["item_id"]: row for row in Store.open(uri).read(TABLE).to_pylist()}


def best_images(rows, query: np.ndarray, column: str) -> list[str]:
    """All images, best first, by cosine."""
    images = [row for row in rows.values() if row["item_kind"] == "image"]
    scores = unit(np.array([row[column] for row in images])) @ unit(query)
    return [images[at]["item_id"] for at in np.argsort(-scores)]


def test_every_item_has_a_vector_a_view_and_a_mapped_vector(uri, rows):
    assert len(rows) == 40 + 3 * len(SPLITS)
    assert all(row["mapped_tuned"] is not None for row in rows.values())
    views = Store.open(uri).read("views_thumbnail_colour_histogram", ["item_id"])
    assert views.num_rows == 2 * (5 + 3 * 5)  # exemplars and samples of the train models


def test_it_is_evaluated_as_any_encoder(uri, rows):
    store = Store.open(uri)
    found = json.loads(ask(uri, "query", "eval", "--encoder", ENCODER, "--format", "json"))
    for column, mapper in (("base", "none"), ("mapped_tuned", "tuned")):
        hits = []
        for sample in ("m6-s0", "m6-s1", "m6-s2"):
            (exemplar,) = store.read("models", ["exemplar_ids"], "model_id = 'm6'").to_pylist()[0].values()
            gallery = set(store.read("members", None, "collection = 'gallery'")["image_id"].to_pylist())
            pool = {
                item: row
                for item, row in rows.items()
                if row["item_kind"] == "image" and item in gallery | {*exemplar}
            }
            ranked = best_images(pool, np.array(rows[sample][column]), column)
            hits.append(ranked.index(exemplar[0]) < 5)
        (row,) = [one for one in found if one["mapper"] == mapper and one["split"] == "test"]
        assert row["recall_5"] == pytest.approx(np.mean(hits))


@pytest.mark.parametrize(("mapper", "column"), [("none", "base"), ("tuned", "mapped_tuned")])
def test_a_picture_file_gets_the_answer_of_its_stored_vector(uri, rows, tmp_path, mapper, column):
    """The file has the bytes of a sample, so it has its features, encoded again by both parts."""
    store = Store.open(uri)
    ((_, data),) = store.blobs("samples", "bytes", ["m6-s1"])
    (tmp_path / "a.png").write_bytes(data)
    wanted = best_images(rows, np.array(rows["m6-s1"][column]), column)[:5]
    options = ("--encoder", ENCODER, "--mapper", mapper, "-k", "5")
    said = json.loads(ask(uri, "query", "attribute", str(tmp_path / "a.png"), *options, "--format", "json"))
    assert [result["image_id"] for result in said["results"]] == wanted
    query = f"select image_id from attribute('m6-s1', k := 5, encoder := '{ENCODER}', mapper := '{mapper}')"
    assert [item for (item,) in connect(uri).sql(f"{query} order by rank").fetchall()] == wanted
    body = {"encoder": ENCODER, "mapper": mapper, "k": 5}
    with TestClient(app_in_process(uri, ServiceOptions(sql=False)), base_url=HOME) as client:
        image = base64.b64encode(data).decode()
        by_image = client.post("/v1/attribute", json=body | {"image": image}).json()
        raw = np.array(rows["m6-s1"]["base"])
        raw[:768] *= 30  # lengths of parts count for nothing
        by_vector = client.post("/v1/attribute", json=body | {"vector": raw.tolist()}).json()
    for answer in (by_image, by_vector):
        assert [result["image_id"] for result in answer["results"]] == wanted


def test_what_comes_later_is_found_too(uri):
    store = Store.open(uri)
    data = png(np.random.default_rng(9).integers(0, 256, (16, 16, 3)))
    store.upsert("images", [{"image_id": content_id(data), "bytes": data}])
    ask(uri, "ingest", "embed", "--encoder", ENCODER)
    (row,) = store.read(TABLE, None, f"item_id = '{content_id(data)}'").to_pylist()
    assert len(row["base"]) == 768 + 512
    assert row["mapped_tuned"] is not None
    assert not [one for one in check(store) if one.table.startswith(("vectors_", "encoders"))]
