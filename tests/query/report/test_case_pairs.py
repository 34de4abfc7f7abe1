"""Which cases are paired, by their names and by what the store has."""

from attribase.query.report.case_pairs import domain_of_case, objects_and_styles, seen_and_unseen
from attribase.query.report.data import read_report_data


def test_the_demo_worlds_cases_are_paired(fake_store):
    cases = ["object_seen", "object_unseen", "style_seen", "style_unseen"]
    data = read_report_data(fake_store.con)
    assert [(p.x, p.y) for p in objects_and_styles(data, cases)] == [
        ("object_seen", "style_seen"),
        ("object_unseen", "style_unseen"),
    ]
    assert [(p.x, p.y) for p in seen_and_unseen(data, cases)] == [
        ("object_seen", "object_unseen"),
        ("style_seen", "style_unseen"),
    ]


def test_cases_of_different_worlds_are_not_paired(fake_store):
    data = read_report_data(fake_store.con)
    assert objects_and_styles(data, ["object_seen", "bamfg"]) == []


def test_other_cases_are_paired_by_the_concepts_of_their_models(fake_store):
    fake_store.case("cats", "object", ["gpt"], splits=("train", "test"))
    fake_store.case("dogs", "object", ["gpt"])
    fake_store.case("inks", "style", ["gpt"], splits=("train", "test"))
    fake_store.case("both", None, ["gpt"])
    data = read_report_data(fake_store.con)
    assert [(p.x, p.y) for p in objects_and_styles(data, data.cases)] == [("cats", "inks")]
    assert [(p.x, p.y) for p in seen_and_unseen(data, data.cases)] == [("cats", "dogs")]
    assert domain_of_case(data, "both") is None


def test_without_training_models_no_case_is_seen(fake_store):
    fake_store.case("cats", "object", ["gpt"])
    fake_store.case("inks", "style", ["gpt"])
    data = read_report_data(fake_store.con)
    assert seen_and_unseen(data, data.cases) == []
    assert [(p.title, p.x, p.y) for p in objects_and_styles(data, data.cases)] == [("", "cats", "inks")]
