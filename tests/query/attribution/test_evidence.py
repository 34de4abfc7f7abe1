"""The line of evidence: its range, its words, and what it says where nothing was measured."""

import json

import pytest
from attribase.query import attribute, measure_evidence
from attribase.query.attribution.answer_tables import flat_table
from attribase.query.attribution.evidence import EvidenceBin, MeasuredEvidence, strength_of
from attribase.store import key_id


def recalibrate(fake):
    """Another calibration in place of the one that is stored."""
    row = {"calibration_id": key_id(fake.encoder, "none"), "encoder": fake.encoder, "mapper": "none"}
    fake.store.upsert("calibrations", [row | {"tau": 0.02, "lambda": 0.1}], update=True)


BINS = {
    "share": [
        EvidenceBin(0.0, 0.05, 100, 6),
        EvidenceBin(0.05, 0.1, 186, 33),
        EvidenceBin(0.1, 0.5, 40, 20),
        EvidenceBin(0.5, 1.0, 9, 9),
    ],
    "p_none": [EvidenceBin(0.0, 0.3, 5, 5), EvidenceBin(0.3, 1.0, 95, 1)],
}
MEASURED = MeasuredEvidence(BINS, 400, "nothing")


@pytest.mark.parametrize(
    ("share", "p_none", "line"),
    [
        (
            0.07,
            None,
            "top image right in 18% of 186 test pictures with a top share of 5% to 10%: weak evidence",
        ),
        (
            0.0,
            None,
            "top image right in 6% of 100 test pictures with a top share below 5%: next to no evidence",
        ),
        (
            0.1,
            None,
            "top image right in 50% of 40 test pictures with a top share of 10% to 50%: moderate evidence",
        ),
        # 9 pictures are too few: joined with the next weaker range
        (
            1.0,
            None,
            "top image right in 59% of 49 test pictures with a top share of 10% or more: moderate evidence",
        ),
        # the weaker of both
        (
            0.2,
            0.9,
            "top image right in 1.1% of 95 test pictures with a p_none of 0.3 or more: next to no evidence",
        ),
        (None, 0.1, "top image right in 6% of 100 test pictures with any p_none: next to no evidence"),
    ],
)
def test_the_line_is_of_the_range_of_the_answer(share, p_none, line):
    assert MEASURED.of_answer(share, p_none).line == line


def test_a_question_about_a_part_of_the_pool_says_of_which_the_evidence_is():
    line = MEASURED.of_answer(0.07, None, narrowed=True).line
    assert line == (
        "top image right in 18% of 186 test pictures with a top share of 5% to 10%, among all 400 images: "
        "weak evidence"
    )


def test_too_few_pictures_say_nothing():
    few = MeasuredEvidence({"share": [EvidenceBin(0, 0.5, 10, 9), EvidenceBin(0.5, 1, 9, 9)]}, 400, "")
    evidence = few.of_answer(0.7, None)
    assert (evidence.strength, evidence.right, evidence.pictures) == (None, None, 19)
    assert (
        evidence.line
        == "only 19 test pictures have any top share: too few to say how often answers are right"
    )


@pytest.mark.parametrize(
    ("right", "word"),
    [(1, "strong"), (0.7, "strong"), (0.5, "moderate"), (0.18, "weak"), (0.05, "next to no")],
)
def test_four_words_of_strength(right, word):
    assert strength_of(right) == word


def test_answers_say_why_nothing_is_known(small):
    assert "there are no shares" in attribute(small.store, "m0-s0").evidence.line
    small.calibrate(tau=0.2, lam=0.1)
    assert (
        "was not measured yet: attribase -s STORE query eval" in attribute(small.store, "m0-s0").evidence.line
    )
    list(measure_evidence(small.store))
    assert "was" not in attribute(small.store, "m0-s0").evidence.line
    recalibrate(small)
    assert "before the last training" in attribute(small.store, "m0-s0").evidence.line


def test_a_store_without_test_models_says_so(fake):
    fake.images([f"g{n}" for n in range(30)], "gallery")
    fake.calibrate(tau=0.2, lam=0.1)
    answer = attribute(fake.store, fake.vectors["g1"])
    assert answer.evidence.line == "not known how often such answers are right: the store has no test models"


def test_json_rows_and_sql_have_the_line(small):
    from attribase.query import connect

    small.calibrate(tau=0.2, lam=0.1)
    list(measure_evidence(small.store))
    answer = attribute(small.store, "m0-s0", k=2)
    line = answer.evidence.line
    assert json.loads(json.dumps(answer.to_dict()))["evidence"]["line"] == line
    assert flat_table([answer])["evidence"].to_pylist() == [line] * 2
    assert connect(small.store).sql("select distinct evidence from attribute('m0-s0')").fetchall() == [
        (line,)
    ]
