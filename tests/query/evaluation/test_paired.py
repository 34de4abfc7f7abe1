"""Features compared on the same samples, against means and intervals worked out by hand."""

import numpy as np
import pytest
from attribase.query import Features, compare_features, connect, evaluate
from attribase.query.evaluation.paired import MEAN
from attribase.store import InvalidInputError, NotFoundError


@pytest.fixture
def con(fake):
    """Two cases, one of them with two schemes; raw features see the exemplars, the mapper sees nothing."""
    fake.images([f"g{i}" for i in range(100)], "gallery")
    names = [f"e{i}" for i in range(12)]
    fake.images(names, "exemplars")
    for i, name in enumerate(names):
        fake.model(f"m{i}", [name], case="one" if i < 7 else "two", near=2.0, samples=4)
    fake.mapper("blind", *fake.rng.normal(size=(2, 16, 16)))
    list(evaluate(fake.store))
    with connect(fake.store.uri) as con:
        yield con


def values(con, mapper, case):
    rows = con.sql("from per_sample").to_arrow_table().to_pylist()
    mine = [row for row in rows if (row["mapper"], row["case_name"]) == (mapper, case)]
    return {row["sample_id"]: (row["exemplar_set"], row["ap"]) for row in mine}


def test_each_row_has_the_means_of_the_same_samples_and_the_last_their_mean(con):
    *rows, mean = compare_features(con, Features("enc", "blind"), Features("enc"), metric="ap")
    assert {row.case_name for row in rows} == {"one", "two"}
    for row in rows:
        assert row.first < row.second
        assert row.difference == pytest.approx(row.second - row.first)
        assert row.ratio == pytest.approx(row.second / row.first)
        assert row.models == {"one": 7, "two": 5}[row.case_name]
    for case in ("one", "two"):
        raw, blind = values(con, "none", case), values(con, "blind", case)
        mine = [row for row in rows if row.case_name == case]
        weights = [row.samples for row in mine]
        assert sum(weights) == len(raw)
        average = np.average([row.difference for row in mine], weights=weights)
        assert average == pytest.approx(np.mean([raw[sample][1] - blind[sample][1] for sample in raw]))
    assert mean.case_name == MEAN
    assert mean.difference == pytest.approx(np.mean([row.difference for row in rows]))
    assert mean.models == 12
    assert 0 < mean.low < mean.difference < mean.high


def test_the_interval_is_over_models_not_samples(con):
    """Against an independent bootstrap of the means of models, which have equally many samples each."""
    *_, row = compare_features(con, Features("enc", "blind"), Features("enc"), metric="ap", cases=["one"])
    raw, blind = values(con, "none", "one"), values(con, "blind", "one")
    gaps = {}
    for sample, (group, ap) in raw.items():
        gaps.setdefault(group, []).append(ap - blind[sample][1])
    means = np.array([np.mean(own) for own in gaps.values()])
    drawn = np.random.default_rng(1).choice(means, size=(20_000, len(means))).mean(1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert row.low == pytest.approx(low, abs=0.1 * (high - low))
    assert row.high == pytest.approx(high, abs=0.1 * (high - low))


def test_fewer_than_five_models_have_no_interval_and_say_so(fake):
    fake.images([f"g{i}" for i in range(20)], "gallery")
    fake.images([f"e{i}" for i in range(7)], "exemplars")
    for i in range(7):
        fake.model(f"m{i}", [f"e{i}"], case="two" if i < 2 else "five", near=2.0, samples=2)
    fake.mapper("blind", *fake.rng.normal(size=(2, 16, 16)))
    list(evaluate(fake.store))
    with connect(fake.store.uri) as con:
        found = compare_features(con, Features(fake.encoder), Features(fake.encoder, "blind"))
    rows = {row.case_name: row for row in found}
    assert (rows["two"].low, rows["two"].high, rows["two"].note) == (None, None, "2 models: too few")
    assert rows["five"].note == ""
    assert rows["five"].low <= rows["five"].difference <= rows["five"].high


def test_features_that_are_the_same_differ_by_nothing(con):
    for row in compare_features(con, Features("enc"), Features("enc")):
        assert (row.difference, row.low, row.high) == (0, 0, 0)


def test_what_was_not_ranked_or_is_no_metric_is_an_error(con):
    with pytest.raises(NotFoundError, match="no mapper 'other' that ranked with enc") as error:
        compare_features(con, Features("enc"), Features("enc", "other"))
    assert error.value.hint == "there is blind, none"
    with pytest.raises(NotFoundError, match="no encoder 'other'"):
        compare_features(con, Features("other"), Features("enc"))
    with pytest.raises(NotFoundError, match="no split 'training'"):
        compare_features(con, Features("enc"), Features("enc"), split="training")
    with pytest.raises(NotFoundError, match="no case 'nowhere'"):
        compare_features(con, Features("enc"), Features("enc"), cases=["one", "nowhere"])
    with pytest.raises(InvalidInputError, match="no metric"):
        compare_features(con, Features("enc"), Features("enc"), metric="accuracy")


def test_features_are_written_as_encoder_and_mapper():
    assert Features.parse("enc") == Features("enc", "none")
    assert Features.parse("a+b/best") == Features("a+b", "best")
    assert Features.parse("open_clip:ViT-B-32/openai/none") == Features("open_clip:ViT-B-32/openai", "none")
    assert str(Features("enc", "best")) == "enc/best"
