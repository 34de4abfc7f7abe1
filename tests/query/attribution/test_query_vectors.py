"""Many questions at once are the same questions one by one, in bounded memory; conditions, copies, owners."""

import io

import numpy as np
import pytest
from attribase.query import Request, Session, answer_all, attribute, attribute_many, influence_by
from attribase.query.attribution import attribute as answering
from attribase.query.attribution import retrieval as passes
from attribase.query.search import space as held
from attribase.query.search import topk as rescoring
from attribase.store import ConflictError, InvalidInputError, NotFoundError
from PIL import Image

from .top_space import indexed

SAMPLES = [f"m{model}-s{sample}" for model in range(4) for sample in range(3)]


@pytest.fixture(params=["held", "streamed"])
def memory(request, monkeypatch):
    """With the vectors of the space in memory, or streamed."""
    if request.param == "streamed":
        monkeypatch.setattr(held, "MOST", 0)


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("lam", [-0.01, 0.0, 0.1])
def test_many_questions_are_answered_as_one_by_one(small, monkeypatch, lam):
    small.calibrate(0.1, lam)
    alone = [attribute(small.store, sample, k=7, by="creator") for sample in SAMPLES]
    monkeypatch.setattr(passes, "HELD", 4 * 230 * 5)  # five questions a pass
    monkeypatch.setattr(rescoring, "HELD", 16)
    together = attribute_many(small.store, SAMPLES, k=7, by="creator")
    for one, other in zip(alone, together, strict=True):
        assert [r.image_id for r in one.results] == [r.image_id for r in other.results]
        assert [r.similarity for r in one.results] == [r.similarity for r in other.results]
        assert [r.influence for r in one.results] == pytest.approx([r.influence for r in other.results])
        assert [(s.name, s.images) for s in one.shares] == [(s.name, s.images) for s in other.shares]
        assert one.query == other.query


def test_a_pass_holds_no_more_similarities_than_it_may(small, monkeypatch):
    monkeypatch.setattr(passes, "HELD", 4 * 230 * 5)
    seen = []
    scan = passes.all_similarities

    def counting(space, vectors, pool):
        seen.append(len(vectors))
        return scan(space, vectors, pool)

    monkeypatch.setattr(passes, "all_similarities", counting)
    attribute_many(small.store, SAMPLES)
    assert (sum(seen), max(seen)) == (len(SAMPLES), 5)


@pytest.mark.usefixtures("memory")
def test_equal_vectors_are_equally_similar_wherever_they_stand(small):
    rows = np.repeat(small.rng.normal(size=(1, 16)), 50, axis=0)
    small.images([f"t{i:02d}" for i in range(50)], "gallery", rows)
    answer = attribute(small.store, "m2-s1", k=300)
    ties = [result for result in answer.results if result.image_id.startswith("t")]
    assert len({result.similarity for result in ties}) == 1
    assert [result.image_id for result in ties] == [f"t{i:02d}" for i in range(50)]


@pytest.mark.usefixtures("memory")
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


@pytest.mark.usefixtures("memory")
def test_copies_share_a_place_and_their_influence_adds_up(small):
    small.calibrate(0.2, 0.0)
    plain = {r.image_id: r.influence for r in attribute(small.store, "m2-s0", k=500).results}
    answer = attribute(small.store, "m2-s0", k=500, dedup=0.999)
    copied = [result for result in answer.results if result.copies]
    assert {frozenset((r.image_id, *r.copies)) for r in copied} >= {
        frozenset((f"g{i:03d}", f"g{150 + i}")) for i in range(10)
    }
    for result in answer.results:
        ids = (result.image_id, *result.copies)
        assert result.influence == pytest.approx(sum(plain[i] for i in ids), abs=1e-9)
    assert sum(len(r.copies) + 1 for r in answer.results) == len(plain)
    assert sum(r.influence for r in answer.results) == pytest.approx(1)


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 1.0])
def test_groups_are_those_of_a_loop_over_pairs(small, threshold):
    ranked = [r.image_id for r in attribute(small.store, "m0-s2", k=500).results]
    units = {i: v / np.linalg.norm(v) for i, v in small.vectors.items()}
    groups: dict[str, list[str]] = {}
    for image in ranked:
        head = next((h for h in groups if units[h] @ units[image] >= threshold - 1e-6), None)
        groups.setdefault(head or image, []).append(image)
    answer = attribute(small.store, "m0-s2", k=9, dedup=threshold)
    expected = list(groups.items())[:9]
    assert [(r.image_id, [r.image_id, *r.copies]) for r in answer.results] == expected


def test_owners_of_many_answers_are_those_of_each(small):
    small.calibrate(0.3, 0.01)
    for by in ("creator", "license", "category", "collection"):
        together = attribute_many(small.store, SAMPLES, k=1, by=by)
        for sample, answer in zip(SAMPLES, together, strict=True):
            alone = influence_by(small.store, attribute(small.store, sample, k=1), by)
            assert [(s.name, s.images) for s in answer.shares] == [(s.name, s.images) for s in alone]
            assert influence_by(small.store, answer, by) == list(answer.shares)
            if by != "collection":
                assert sum(s.influence for s in answer.shares) == pytest.approx(1)


def test_an_image_without_an_owner_counts_as_nobodys(small):
    small.calibrate(0.3, 0.0)
    small.store.upsert("images", [{"image_id": "g000", "creator": None, "bytes": b"?"}], update=True)
    answer = attribute(small.store, "m1-s0", k=500, by="creator")
    (nobody,) = [share for share in answer.shares if share.name is None]
    (image,) = [r for r in answer.results if r.image_id == "g000"]
    assert (nobody.images, nobody.influence) == (1, pytest.approx(image.influence))


def test_answers_to_many_questions_say_that_they_forgot_what_they_do_not_list(small):
    small.calibrate(0.3, 0.0)
    answer = attribute_many(small.store, SAMPLES[:2])[0]
    assert answer.candidates is None
    with pytest.raises(ConflictError, match="no longer") as raised:
        influence_by(small.store, answer, "creator")
    assert "by='creator'" in raised.value.hint


def test_a_raw_feature_is_asked_about_as_its_sample(small):
    real, synth = small.rng.normal(size=(2, 16, 16))
    small.mapper("tuned", real, synth)
    sample = attribute(small.store, "m1-s0", mapper="none", k=5)
    vector = attribute(small.store, small.vectors["m1-s0"], mapper="none", k=5)
    assert vector.query.startswith("vector ")
    assert [(r.image_id, r.similarity) for r in vector.results] == [
        (r.image_id, pytest.approx(r.similarity, abs=1e-6)) for r in sample.results
    ]


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        (np.ones(15, np.float32), "16 numbers"),
        (np.ones((2, 16), np.float32), "16 numbers"),
        (np.zeros(16, np.float32), "zeros"),
        (np.full(16, np.nan, np.float32), "NaN"),
        (np.array(["a"] * 16), "no number"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(small, vector, message):
    with pytest.raises(InvalidInputError, match=message):
        attribute(small.store, vector)


def test_strangers_cannot_name_files(small, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    snapshot = Session(small.store).snapshot()
    with pytest.raises(NotFoundError):
        answer_all(snapshot, [str(tmp_path / "secret.png")], Request(files=False))
    with pytest.raises(InvalidInputError, match="files"):
        answer_all(snapshot, [tmp_path / "secret.png"], Request(files=False))
    assert answer_all(snapshot, ["m0-s0"], Request(files=False))[0].results


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": True},
        {"k": 2.0},
        {"limit": 0},
        {"by": "shoe size"},
        {"dedup": 0.0},
        {"dedup": 1.5},
        {"dedup": float("nan")},
        {"method": "magic"},
        {"where": "no such column"},
    ],
)
def test_requests_that_cannot_be_are_refused_with_a_hint(small, wrong):
    with pytest.raises(InvalidInputError) as raised:
        attribute(small.store, "m0-s0", **wrong)
    assert raised.value.hint


def test_no_questions_have_no_answers(small):
    assert attribute_many(small.store, []) == []


def test_a_sample_without_a_vector_is_encoded_with_its_prompt(small, monkeypatch):
    import attribase.runtime as runtime

    seen = []

    class Captioned:
        captions = True

        def encode(self, images, captions):
            seen.extend(captions)
            return np.ones((len(images), 16), np.float32)

    monkeypatch.setattr(runtime, "load_encoder", lambda *_: Captioned())
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    new = {"sample_id": "fresh", "model_id": "m0", "prompt": "a cat", "bytes": out.getvalue()}
    small.store.upsert("samples", [new])
    attribute_many(small.store, [out.getvalue(), "m0-s0", "fresh"])
    assert seen == ["", "a cat"]


def test_many_questions_that_no_index_could_complete_are_compared_with_all(small, monkeypatch):
    small.calibrate(0.2, 0.0)
    monkeypatch.setattr(answering, "MANY", 3)
    snapshot, space = indexed(small.store, monkeypatch)
    assert {answer.method for answer in answer_all(snapshot, SAMPLES[:2], Request())} == {"index"}
    space.asked.clear()
    assert {answer.method for answer in answer_all(snapshot, SAMPLES[:3], Request())} == {"exact"}
    assert space.asked == []
    answers = answer_all(snapshot, SAMPLES[:3], Request(method="index"))
    assert {answer.method for answer in answers} == {"index"}


def test_many_questions_of_few_vectors_are_compared_with_all_of_them(small, monkeypatch):
    small.calibrate(0.2, 0.5)  # by index each would be complete
    monkeypatch.setattr(answering, "MANY", 3)
    snapshot, _ = indexed(small.store, monkeypatch)
    assert {answer.method for answer in answer_all(snapshot, SAMPLES[:3], Request())} == {"exact"}
    monkeypatch.setattr(answering, "SCANNED", 0)
    assert {answer.method for answer in answer_all(snapshot, SAMPLES[:3], Request())} == {"index"}


def test_vectors_of_many_spaces_do_not_fill_the_memory(small, monkeypatch):
    snapshot = Session(small.store).snapshot()
    size = held.held_rows(snapshot.space()).nbytes
    held._held.clear()
    monkeypatch.setattr(held, "ALL", int(2.5 * size))
    spaces = [Session(small.store).snapshot().space() for _ in range(7)]
    for space in spaces:
        assert held.held_rows(space).nbytes == size
        assert sum(rows.nbytes for rows in held._held.values()) <= 2.5 * size
    assert held.held_rows(spaces[-1]) is held.held_rows(spaces[-1])
