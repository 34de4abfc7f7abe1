"""Answers: order, pools, influence, defaults, and how a query is named."""

import io
import json

import numpy as np
import pytest
from attribase.query import attribute, influence_by
from attribase.runtime import Preprocessing
from attribase.store import ConflictError, InvalidInputError, NotFoundError
from PIL import Image


def by_hand(fake, sample, ids, tau=None, lam=None):
    """Similarities and influence over a pool, in a few lines."""
    rows = np.stack([fake.vectors[i] for i in ids]).astype(np.float64)
    query = fake.vectors[sample].astype(np.float64)
    scores = rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)
    if tau is None:
        return dict(zip(ids, scores, strict=True)), None
    weights = np.maximum(np.exp((scores - scores.max()) / tau) - lam, 0)
    return dict(zip(ids, scores, strict=True)), dict(zip(ids, weights / weights.sum(), strict=True))


def pool_of(fake, pool):
    gallery = [i for i in fake.vectors if i.startswith("g")]
    exemplars = {e for row in fake.store.read("models").to_pylist() for e in row["exemplar_ids"]}
    return sorted(set(gallery) | exemplars) if pool == "all" else gallery


@pytest.mark.parametrize("pool", ["all", "gallery"])
def test_an_answer_equals_a_few_lines_of_numpy(small, pool):
    small.calibrate(tau=0.2, lam=0.3)
    ids = pool_of(small, pool)
    answer = attribute(small.store, "m1-s0", k=1000, pool=pool)
    scores, shares = by_hand(small, "m1-s0", ids, 0.2, 0.3)
    assert (answer.pool_size, len(answer.results), answer.exact) == (len(ids), len(ids), True)
    for result in answer.results:
        assert result.similarity == pytest.approx(scores[result.image_id], abs=1e-6)
        assert result.influence == pytest.approx(shares[result.image_id], abs=1e-6)
    assert [r.rank for r in answer.results] == list(range(1, len(ids) + 1))
    assert sum(r.influence for r in answer.results) == pytest.approx(1)
    assert answer.remaining == pytest.approx(0, abs=1e-9)
    ordered = [r.similarity for r in answer.results]
    assert ordered == sorted(ordered, reverse=True)


def test_the_rest_of_the_influence_is_told(small):
    small.calibrate(tau=0.5, lam=0.1)
    answer = attribute(small.store, "m1-s0", k=3)
    assert 0 < sum(r.influence for r in answer.results) < 1
    assert answer.remaining == pytest.approx(1 - sum(r.influence for r in answer.results))


def test_equal_similarities_go_by_image_id(small):
    answer = attribute(small.store, "m2-s0", k=1000)
    names = [r.image_id for r in answer.results]
    assert names.index("g150") == names.index("g000") + 1


def test_without_calibration_there_is_no_influence_and_a_note(small):
    answer = attribute(small.store, "m0-s0", k=2)
    assert [r.influence for r in answer.results] == [None, None]
    assert answer.remaining is None
    assert answer.state == "similar"
    assert answer.state_text == "these features cannot give shares: enc with none is not calibrated"
    assert answer.notes == (
        "shares need a calibration: attribase -s STORE train calibration --encoder enc --mapper none",
    )
    assert all(share.influence is None for share in influence_by(small.store, answer))


def test_a_sample_is_found_by_id_and_by_uri(small):
    assert attribute(small.store, "file:m0-s1.png").results == attribute(small.store, "m0-s1").results


def test_results_say_where_an_image_is_from(small):
    result = attribute(small.store, "m1-s0", k=1).results[0]
    assert (result.uri, result.license, result.category) == (f"file:{result.image_id}", "MIT", "x")


def test_json_has_the_keys_that_others_rely_on(small):
    small.calibrate(tau=0.2, lam=0.3)
    said = json.loads(
        json.dumps(attribute(small.store, "m1-s0", k=2).to_dict(), sort_keys=True, allow_nan=False)
    )
    assert {"query", "encoder", "mapper", "exact", "results", "remaining"} <= set(said)
    assert {"image_id", "uri", "rank", "similarity", "influence", "creator", "license"} <= set(
        said["results"][0]
    )
    assert (said["query"], said["encoder"], said["mapper"], said["exact"]) == ("m1-s0", "enc", "none", True)


def test_the_newest_mapper_is_the_default_and_maps_both_sides(small):
    real, synth = small.rng.normal(size=(2, 16, 16))
    small.mapper("tuned", real, synth)
    answer = attribute(small.store, "m1-s0", k=5)
    assert answer.mapper == "tuned"
    ids = pool_of(small, "all")
    rows = np.stack([small.vectors[i] for i in ids]) @ real.T
    query = small.vectors["m1-s0"] @ synth.T
    scores = rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)
    assert [r.image_id for r in answer.results] == [ids[i] for i in np.argsort(-scores)[:5]]
    assert attribute(small.store, "m1-s0", mapper="none").mapper == "none"


def test_influence_by_creator_sums_over_the_whole_pool(small):
    small.calibrate(tau=0.5, lam=0.0)
    answer = attribute(small.store, "m1-s0", k=1)
    _, shares = by_hand(small, "m1-s0", pool_of(small, "all"), 0.5, 0.0)
    creators = {row["image_id"]: row["creator"] for row in small.store.read("images").to_pylist()}
    found = influence_by(small.store, answer, "creator")
    for share in found:
        mine = [i for i in shares if creators[i] == share.name]
        assert share.influence == pytest.approx(sum(shares[i] for i in mine), abs=1e-6)
        assert share.images == len(mine)
    assert sum(share.influence for share in found) == pytest.approx(1)
    assert [s.influence for s in found] == sorted((s.influence for s in found), reverse=True)
    collections = {share.name: share.influence for share in influence_by(small.store, answer, "collection")}
    assert collections["exemplars"] == pytest.approx(
        sum(v for i, v in shares.items() if i.startswith("e")), abs=1e-6
    )
    with pytest.raises(InvalidInputError, match="shoe size"):
        influence_by(small.store, answer, "shoe size")


@pytest.mark.parametrize(
    ("query", "wrong", "error"),
    [
        ("nothing", {}, NotFoundError),
        ("it's; --", {}, NotFoundError),
        ("x" * 5000, {}, NotFoundError),
        ("m0-s0", {"k": 0}, InvalidInputError),
        ("m0-s0", {"pool": "sea"}, InvalidInputError),
        ("m0-s0", {"encoder": "no"}, NotFoundError),
        ("m0-s0", {"mapper": "no"}, NotFoundError),
    ],
)
def test_wrong_questions_have_errors_with_a_hint(small, query, wrong, error):
    with pytest.raises(error) as raised:
        attribute(small.store, query, **wrong)
    assert raised.value.hint


def test_a_store_without_a_gallery_says_so(fake):
    fake.images(["e"], "exemplars")
    fake.model("m", ["e"])
    with pytest.raises(ConflictError, match="gallery"):
        attribute(fake.store, "m-s0")


@pytest.mark.usefixtures("vectors")
def test_a_condition_narrows_the_pool(small):
    small.calibrate(0.2, 0.0)
    answer = attribute(small.store, "m1-s0", k=500, where="creator = 'c1'")
    creators = {row["image_id"]: row["creator"] for row in small.store.read("images").to_pylist()}
    pool = {r.image_id for r in attribute(small.store, "m1-s0", k=500).results}
    assert {r.image_id for r in answer.results} == {i for i in pool if creators[i] == "c1"}
    assert sum(r.influence for r in answer.results) == pytest.approx(1)
    assert (answer.where, answer.exact, answer.complete) == ("creator = 'c1'", True, True)


def test_a_condition_that_nothing_fulfils_has_an_empty_answer_that_says_so(small):
    small.calibrate(0.2, 0.0)
    answer = attribute(small.store, "m1-s0", where="creator = 'nobody'", by="creator")
    assert (answer.results, answer.pool_size, answer.remaining, answer.shares) == ((), 0, None, ())
    assert "condition" in answer.notes[0]
    assert influence_by(small.store, answer, "license") == []


def picture(seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


class FlatEncoder:
    """Stands for an exported encoder: the first pixels are the features."""

    preprocessing = Preprocessing(4, 4)

    def encode(self, images):
        return np.stack([np.asarray(image, np.float32).ravel()[:16] for image in images])


def test_an_image_file_its_bytes_and_an_unembedded_sample_are_treated_as_generated(
    small, tmp_path, monkeypatch
):
    import attribase.runtime as runtime
    from attribase.runtime import LinearMapper, MapperPair

    monkeypatch.setattr(runtime, "load_encoder", lambda *_, **__: FlatEncoder())
    rng = np.random.default_rng(1)
    real, synth = rng.normal(size=(2, 16, 16)).astype(np.float32)
    zero = np.zeros(16, np.float32)
    small.mapper("tuned", real, synth)
    weights = MapperPair(LinearMapper(real, zero), LinearMapper(synth, zero)).to_bytes()
    rows = [{"encoder": "enc", "mapper": "tuned", "weights": weights}]
    small.store.upsert(
        "mappers", [rows[0] | {"mapper_id": small.store.read("mappers")["mapper_id"][0].as_py()}], update=True
    )
    data = picture(3)
    (tmp_path / "picture.png").write_bytes(data)
    small.store.upsert("samples", [{"sample_id": "fresh", "model_id": "m0", "bytes": data}])
    ids = pool_of(small, "all")
    query = synth @ np.asarray(Image.open(io.BytesIO(data)), np.float32).ravel()[:16]
    mapped = np.stack([small.vectors[i] for i in ids]) @ real.T
    scores = mapped @ query / np.linalg.norm(mapped, axis=1) / np.linalg.norm(query)
    for question in (data, tmp_path / "picture.png", str(tmp_path / "picture.png"), "fresh"):
        answer = attribute(small.store, question, k=4)
        assert [r.image_id for r in answer.results] == [ids[i] for i in np.argsort(-scores)[:4]]
        assert answer.results[0].similarity == pytest.approx(scores.max(), abs=1e-5)
