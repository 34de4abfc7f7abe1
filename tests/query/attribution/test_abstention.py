"""p_none, attributed and the set of an answer, against a few lines of numpy; and when they are not given."""

import json
import shutil

import numpy as np
import pytest
from attribase.query import Session, answer_each, attribute
from attribase.query.attribution.abstention import verdict
from attribase.query.attribution.request import Request
from attribase.runtime.conformal import p_values, set_threshold
from attribase.store import ConflictError, InvalidInputError, key_id
from attribase.store.removal import remove
from attribase.store.removal_plan import plan_removal
from attribase.train import train_abstention

VAL = {f"o{n}": "object" for n in range(9)} | {f"y{n}": "style" for n in range(4)}


class ByHand:
    """Scores of a fake store, by its vectors."""

    def __init__(self, fake):
        unit = {item: row / np.linalg.norm(row) for item, row in fake.vectors.items()}
        self.unit, self.pool = unit, sorted(i for i in unit if i[0] in "ge")
        self.pool = [i for i in self.pool if i[0] == "g" or i in self._exemplars(fake)]
        self.gallery = np.stack([row for item, row in unit.items() if item[0] == "g"])
        self.rows, self.known = np.stack([unit[item] for item in self.pool]), {}
        self.own = {row["model_id"]: row["exemplar_ids"] for row in fake.store.read("models").to_pylist()}

    def _exemplars(self, fake):
        return {image for row in fake.store.read("models").to_pylist() for image in row["exemplar_ids"]}

    def scores(self, item, without=()):
        """The score of each image of the pool."""
        if item not in self.known:
            query = self.unit[item]
            seen = self.gallery @ query
            self.known[item] = (self.rows @ query - seen.mean()) / seen.std()
        return {i: s for i, s in zip(self.pool, self.known[item], strict=True) if i not in without}

    def models(self, kind=None, without=None):
        """(null scores, exemplar scores) of the validation models."""
        for model, its in VAL.items():
            if kind in (None, its) and model != without:
                items = sorted(item for item in self.unit if item.startswith(f"{model}-s"))
                null = np.array([max(self.scores(item, self.own[model]).values()) for item in items])
                found = [np.array([self.scores(item)[own] for own in self.own[model]]) for item in items]
                yield null, found

    def p_none(self, item, kind=None, without=None):
        null = [one for one, _ in self.models(kind, without)]
        return p_values(max(self.scores(item).values()), null)[0]

    def line(self, alpha, kind=None):
        return set_threshold([found for _, found in self.models(kind)], alpha)


@pytest.fixture(scope="module")
def by_hand(judged_once):
    return ByHand(judged_once)


@pytest.mark.parametrize("item", ["t0-s0", "t1-s1", "t2-s3"])
def test_p_none_is_by_the_models_of_the_samples_kind(judged_once, by_hand, item):
    answer = attribute(judged_once.store, item)
    kind = "style" if item[:2] == "t2" else "object"
    assert answer.kind == kind
    assert answer.p_none == pytest.approx(by_hand.p_none(item, kind), abs=1e-6)
    assert (answer.alpha, answer.attributed, answer.set_size) == (None, None, None)
    assert {result.in_set for result in answer.results} == {None}


def test_a_picture_of_unknown_kind_is_judged_by_all_models(judged_once, by_hand):
    for question in (judged_once.vectors["t0-s0"], "t0-s0"):
        answer = attribute(judged_once.store, question, kind="all")
        assert answer.kind is None
        assert answer.p_none == pytest.approx(by_hand.p_none("t0-s0"), abs=1e-6)
    assert attribute(judged_once.store, judged_once.vectors["t0-s0"]).kind is None
    styled = attribute(judged_once.store, judged_once.vectors["t0-s0"], kind="style")
    assert styled.p_none == pytest.approx(by_hand.p_none("t0-s0", "style"), abs=1e-6)


def test_a_validation_sample_is_not_judged_by_its_own_model(judged_once, by_hand):
    answer = attribute(judged_once.store, "o3-s0")
    assert answer.p_none == pytest.approx(by_hand.p_none("o3-s0", "object", without="o3"), abs=1e-6)
    assert answer.p_none != pytest.approx(by_hand.p_none("o3-s0", "object"), abs=1e-6)


def test_attributed_is_whether_p_none_is_at_most_alpha(judged_once):
    for item in ("t0-s0", "t0-s1", "t1-s0", "t1-s1", "t1-s2"):
        for alpha in (0.1, 0.2, 0.5):
            answer = attribute(judged_once.store, item, alpha=alpha)
            assert answer.attributed == (answer.p_none <= alpha)
    assert attribute(judged_once.store, "t0-s0", alpha=0.1).attributed
    assert not attribute(judged_once.store, "t1-s0", alpha=0.1).attributed


def test_the_set_is_every_image_with_a_score_at_the_threshold_or_above(judged_once, by_hand):
    for alpha in (0.2, 0.5):
        answer = attribute(judged_once.store, "t0-s0", alpha=alpha, k=1000)
        scores, line = by_hand.scores("t0-s0"), by_hand.line(alpha, "object")
        expected = {image for image, score in scores.items() if score >= line - 1e-6}
        assert {one.image_id for one in answer.results if one.in_set} == expected
        assert answer.set_size == len(expected)
        assert 0 < answer.set_size < answer.pool_size
        short = attribute(judged_once.store, "t0-s0", alpha=alpha, k=1)
        assert (short.set_size, short.p_none) == (answer.set_size, answer.p_none)


def test_too_few_models_for_the_level_are_said_and_the_set_is_the_pool(judged_once):
    answer = attribute(judged_once.store, "t2-s0", alpha=0.1)
    assert not answer.attributed
    assert answer.set_size == answer.pool_size
    assert all(result.in_set for result in answer.results)
    assert any(
        "4 validation models of the kind 'style' do not support alpha 0.1, which takes 9" in note
        for note in answer.notes
    )
    assert not attribute(judged_once.store, "t2-s0", alpha=0.2).notes[1:]


def test_a_part_of_the_pool_says_so_and_is_never_more_likely_attributed(judged_once):
    whole = attribute(judged_once.store, "t0-s0", alpha=0.2)
    for narrow in ({"pool": "gallery"}, {"where": "creator = 'c0'"}):
        answer = attribute(judged_once.store, "t0-s0", alpha=0.2, **narrow)
        assert any("part of the one" in note for note in answer.notes)
        assert answer.p_none >= whole.p_none
    assert not any("part of the one" in note for note in whole.notes)


def test_a_pool_that_has_grown_must_be_trained_again(judged):
    assert not any("changed" in note for note in attribute(judged.store, "t0-s0").notes)
    judged.images(["new"], "gallery")
    answer = attribute(judged.store, "t0-s0", alpha=0.2)
    (note,) = [note for note in answer.notes if "changed" in note]
    assert note.endswith("attribase -s STORE train abstention --encoder enc --mapper none")
    list(train_abstention(judged.store, "enc", "none"))
    assert not any("changed" in note for note in attribute(judged.store, "t0-s0", alpha=0.2).notes)


def test_what_leaves_the_pool_as_it_is_needs_no_training(judged):
    judged.images(["other"], "another collection")
    judged.model("later", ["e00"])
    assert not any("changed" in note for note in attribute(judged.store, "t0-s0", alpha=0.2).notes)


def test_a_mapper_that_was_trained_again_is_not_judged_by_the_old_scores(judged):
    judged.mapper("m", *judged.rng.normal(size=(2, 16, 16)))
    judged.store.upsert("mappers", [_mapper_row(b"one")], update=True)
    list(train_abstention(judged.store, "enc", "m"))
    assert attribute(judged.store, "t0-s0", mapper="m").p_none is not None
    judged.store.upsert("mappers", [_mapper_row(b"two")], update=True)
    answer = attribute(judged.store, "t0-s0", mapper="m")
    assert answer.p_none is None
    assert any("trained again" in note for note in answer.notes)
    with pytest.raises(ConflictError, match="trained again") as raised:
        attribute(judged.store, "t0-s0", mapper="m", alpha=0.1)
    assert "train abstention --encoder enc --mapper m" in raised.value.hint


def _mapper_row(weights):
    return {"mapper_id": key_id("enc", "m"), "encoder": "enc", "mapper": "m", "weights": weights}


def test_without_a_training_nothing_is_said_unless_a_level_is_asked_for(small):
    answer = attribute(small.store, "m0-s0")
    assert (answer.p_none, answer.attributed, answer.set_size, answer.kind) == (None,) * 4
    assert not any("abstention" in note for note in answer.notes)
    with pytest.raises(ConflictError, match="no abstention was trained for enc with none") as raised:
        attribute(small.store, "m0-s0", alpha=0.1)
    assert raised.value.hint == "attribase -s STORE train abstention --encoder enc --mapper none"


def test_a_store_without_the_table_answers_as_before(small):
    shutil.rmtree(small.store.layout.table("abstentions"))
    answer = attribute(small.store, "m0-s0")
    assert answer.p_none is None


def test_wrong_levels_and_kinds_are_refused(judged_once):
    for alpha in (0, 1, -0.1, float("nan"), "0.1", True):
        with pytest.raises(InvalidInputError, match="alpha is"):
            attribute(judged_once.store, "t0-s0", alpha=alpha)
    with pytest.raises(InvalidInputError, match="no validation model has the kind 'set'") as raised:
        attribute(judged_once.store, "t0-s0", kind="set")
    assert raised.value.hint == "use object, style, all"


def test_several_questions_keep_their_own_kinds(judged_once):
    asked = ["t0-s0", "nothing", "t2-s0", "t1-s0"]
    found = answer_each(Session(judged_once.store).snapshot(), asked, Request(alpha=0.2))
    for name, answer in zip(asked, found, strict=True):
        if name != "nothing":
            alone = attribute(judged_once.store, name, alpha=0.2)
            assert (answer.kind, answer.p_none, answer.set_size) == (alone.kind, alone.p_none, alone.set_size)


def test_an_empty_pool_has_no_p_none(judged_once):
    answer = attribute(judged_once.store, "t0-s0", alpha=0.2, where="creator = 'nobody'")
    assert (answer.p_none, answer.attributed, answer.set_size) == (None, None, None)


def test_the_verdict_is_plain(judged_once):
    no = attribute(judged_once.store, "t1-s0", alpha=0.1)
    first, second = verdict(no)
    assert first.startswith("none of these: up to ")
    assert f"p_none {no.p_none:.3g}, alpha 0.1" in first
    assert f"{no.set_size} of {no.embedded} images" in second
    assert next(verdict(attribute(judged_once.store, "t0-s0", alpha=0.1))).startswith("attributed: ")
    assert list(verdict(attribute(judged_once.store, "t0-s0"))) == []
    assert {"alpha", "p_none", "attributed", "set_size", "kind"} <= set(json.loads(json.dumps(no.to_dict())))


def test_removing_a_validation_model_removes_its_scores(judged):
    list(remove(judged.store, plan_removal(judged.store, ids=["e03"]), models=True))
    assert judged.store.count("abstentions") == 0
    assert attribute(judged.store, "t0-s0").p_none is None
    list(train_abstention(judged.store, "enc", "none"))
    (row,) = judged.store.read("abstentions", ["model_ids"]).to_pylist()
    assert row["model_ids"] == sorted(set(VAL) - {"o3"})


def test_removing_another_image_changes_the_pool(judged):
    list(remove(judged.store, plan_removal(judged.store, ids=["g007"])))
    assert judged.store.count("abstentions") == 1
    assert any("changed" in note for note in attribute(judged.store, "t0-s0").notes)
