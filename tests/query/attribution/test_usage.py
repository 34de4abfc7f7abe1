"""What samples owe to owners together: against the answers to each, with intervals, by time and model."""

from collections import defaultdict
from datetime import datetime

import numpy as np
import pytest
from attribase.query import Session, attribute_many, connect
from attribase.query.attribution.usage import owner_usage, usage_steps
from attribase.query.attribution.usage_result import SampleChoice
from attribase.query.sql.bootstrap import bounds
from attribase.store import ConflictError, InvalidInputError, NotFoundError
from attribase.store.rights import Said, set_rights


@pytest.fixture
def calibrated(small):
    small.calibrate(0.3, 0.01)
    return small


def usage(fake, *arguments, **options):
    return owner_usage(Session(fake.store).snapshot(), *arguments, **options)


def by_hand(fake, by, samples):
    """Mean share by owner and by model, from one answer a sample."""
    sums = defaultdict(lambda: defaultdict(float))
    models = dict(
        zip(*fake.store.read("samples", ["sample_id", "model_id"]).to_pydict().values(), strict=True)
    )
    counts = defaultdict(int)
    for sample, answer in zip(samples, attribute_many(fake.store, samples, k=1, by=by), strict=True):
        counts[models[sample]] += 1
        for share in answer.shares:
            sums[share.name][models[sample]] += share.influence
    return sums, counts


def test_means_and_intervals_are_those_of_the_answers_to_each_sample(calibrated):
    samples = sorted(calibrated.store.read("samples", ["sample_id"])["sample_id"].to_pylist())
    found = usage(calibrated, "creator")
    sums, counts = by_hand(calibrated, "creator", samples)
    assert (found.samples, found.models, found.failed, found.undated) == (len(samples), len(counts), 0, 0)
    assert sum(owner.influence for owner in found.owners) == pytest.approx(1)
    means = sorted((sum(of.values()) / len(samples) for of in sums.values()), reverse=True)
    assert [owner.influence for owner in found.owners] == pytest.approx(means)
    order = sorted(counts)
    for owner in found.owners:
        own = np.array([[sums[owner.name][model]] for model in order])
        low, high = bounds(own, np.array([counts[model] for model in order]))
        assert (owner.low, owner.high) == (pytest.approx(low[0]), pytest.approx(high[0]))
        assert owner.low < owner.influence < owner.high
    assert usage(calibrated, "creator", k=1).owners == found.owners[:1]


def test_samples_of_a_time_or_a_model_are_counted_alone_and_those_without_a_time_are_named(calibrated):
    store = calibrated.store
    rows = store.read("samples").to_pylist()
    last_month = {"m0": datetime(2026, 10, 5), "m1": datetime(2026, 10, 31, 23), "m2": datetime(2026, 11, 1)}
    dated = [row | {"created": last_month.get(row["model_id"])} for row in rows]
    store.upsert("samples", dated, update=True)
    choice = SampleChoice(since=datetime(2026, 10, 1), until=datetime(2026, 11, 1))
    found = usage(calibrated, "creator", choice)
    of = [row["sample_id"] for row in rows if row["model_id"] in ("m0", "m1")]
    sums, _ = by_hand(calibrated, "creator", of)
    assert found.samples == len(of)
    assert found.undated == sum(row["model_id"] not in last_month for row in rows)
    assert {owner.name: owner.influence for owner in found.owners} == pytest.approx(
        {name: sum(values.values()) / len(of) for name, values in sums.items()}
    )
    assert {(owner.low, owner.high) for owner in found.owners} == {(None, None)}  # of two models
    assert any("2 models: too few" in line for line in found.remarks())
    assert usage(calibrated, "creator", SampleChoice(model="m2")).samples == 3
    assert usage(calibrated, "creator", SampleChoice(samples=("m1-s0",))).samples == 1
    assert found.to_dict()["choice"]["until"] == "2026-11-01T00:00:00"


def test_a_reservation_that_is_not_known_is_apart_from_none(calibrated):
    set_rights(calibrated.store, ["g000", "e05"], {"reservation": "tdm"}, Said("hand", "x"))
    set_rights(calibrated.store, ["g001"], {"reservation": "none"}, Said("hand", "x"))
    with connect(calibrated.store.uri) as con:
        rows = con.sql("from usage_by_owner('reservation')").to_arrow_table().to_pylist()
        one = (
            con.sql("from usage_by_owner('reservation', model := 'm1', k := 1)").to_arrow_table().to_pylist()
        )
        none = "from usage_by_owner('reservation', since := timestamp '2026-01-01')"
        with pytest.raises(Exception, match="no stored sample matches"):
            con.sql(none).fetchall()
    found = usage(calibrated, "reservation")
    assert {row["name"] for row in rows} == {None, "tdm", "none"}
    (of_m1,) = [
        owner
        for owner in usage(calibrated, "reservation", SampleChoice(model="m1")).owners
        if owner.name == "tdm"
    ]  # which was customized on e05
    assert of_m1.influence > 2 * of_m1.owned
    assert [(row["name"], row["influence"], row["low"], row["high"]) for row in rows] == [
        (owner.name, owner.influence, owner.low, owner.high) for owner in found.owners
    ]
    assert {(row["samples"], row["models"], row["undated"]) for row in rows} == {(found.samples, 7, 0)}
    reserved = [owner.influence for owner in found.owners if owner.name == "tdm"]
    assert found.reserved.influence == pytest.approx(sum(reserved))
    assert found.reserved.low < found.reserved.influence < found.reserved.high
    (unknown,) = [owner.influence for owner in found.owners if owner.name is None]
    assert found.not_known == unknown > 0
    assert usage(calibrated, "creator").reserved is usage(calibrated, "creator").not_known is None
    assert (len(one), one[0]["samples"]) == (1, 3)


def test_usage_shows_its_progress_and_reads_samples_in_parts(calibrated, monkeypatch):
    monkeypatch.setattr("attribase.query.attribution.usage.AT_ONCE", 5)
    steps = list(usage_steps(Session(calibrated.store).snapshot(), "license"))
    total = calibrated.store.count("samples")
    assert [step.done for step in steps] == [*range(0, total, 5), total]


def test_what_cannot_be_answered_says_why(small):
    with pytest.raises(ConflictError, match="nothing is calibrated"):
        usage(small, "creator")
    with pytest.raises(InvalidInputError, match="cannot be summed by 'shoe size'"):
        usage(small, "shoe size")
    with pytest.raises(NotFoundError, match="no stored sample matches; of"):
        usage(small, "creator", SampleChoice(since=datetime(2026, 1, 1)))
    with pytest.raises(InvalidInputError, match="no time is from"):
        usage(small, "creator", SampleChoice(since=datetime(2026, 1, 2), until=datetime(2026, 1, 1)))


def test_samples_without_a_vector_are_left_out_and_counted(calibrated):
    calibrated.store.upsert("samples", [{"sample_id": "bare", "bytes": b"?"}])
    found = usage(calibrated, "creator")
    assert (found.failed, found.samples) == (1, calibrated.store.count("samples") - 1)
    assert "left out: 1 samples without a vector" in found.remarks()
    with pytest.raises(NotFoundError, match="none of the chosen samples has a vector"):
        usage(calibrated, "creator", SampleChoice(samples=("bare",)))
