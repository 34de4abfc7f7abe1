"""What is counted for the line of evidence, against answers to the same pictures one by one."""

from itertools import pairwise

import duckdb
import pytest
from attribase.query import attribute, measure_evidence
from attribase.query.evaluation.evidence import P_NONE_EDGES, SHARE_EDGES
from attribase.store import NotFoundError, key_id


def steps(fake, **options):
    return list(measure_evidence(fake.store, **options))


def recalibrate(fake):
    """Another calibration in place of the one that is stored."""
    row = {"calibration_id": key_id(fake.encoder, "none"), "encoder": fake.encoder, "mapper": "none"}
    fake.store.upsert("calibrations", [row | {"tau": 0.02, "lambda": 0.1}], update=True)


def counted(store, basis):
    rows = store.read("evidence").to_pylist()
    return {
        (row["low"], row["high"]): (row["pictures"], row["top_right"])
        for row in rows
        if row["basis"] == basis
    }


def by_sql(edges, values, basis_right):
    """Ranges counted by DuckDB from one row a picture."""
    pictures = duckdb.connect()
    pictures.execute("create table asked (value double, is_right boolean)")
    pictures.executemany("insert into asked values (?, ?)", list(zip(values, basis_right, strict=True)))
    found = {}
    for low, high in pairwise(edges):
        last = "<=" if high == 1 else "<"
        found[low, high] = pictures.execute(
            "select count(*), coalesce(sum(is_right::int), 0)::int from asked "
            f"where value >= {low} and value {last} {high}"
        ).fetchone()
    return found


def answers_to_test_pictures(fake):
    """(answers, whether the top image is an exemplar), each picture asked about by its raw feature."""
    models = {row["model_id"]: row for row in fake.store.read("models").to_pylist()}
    asked = [
        row for row in fake.store.read("samples").to_pylist() if models[row["model_id"]]["split"] == "test"
    ]
    answers = [attribute(fake.store, fake.vectors[row["sample_id"]], k=1) for row in asked]
    right = [
        answer.results[0].image_id in models[row["model_id"]]["exemplar_ids"]
        for answer, row in zip(answers, asked, strict=True)
    ]
    return answers, right


def test_ranges_of_the_top_share_are_those_of_the_answers(small):
    small.calibrate(tau=0.2, lam=0.1)
    assert steps(small)
    answers, right = answers_to_test_pictures(small)
    shares = [answer.results[0].influence for answer in answers]
    assert counted(small.store, "share") == by_sql(SHARE_EDGES, shares, right)
    assert sum(pictures for pictures, _ in counted(small.store, "share").values()) == len(answers) > 5
    assert 0 < sum(right) < len(right)
    assert {pictures for pictures, _ in counted(small.store, "p_none").values()} == {0}
    assert {row["pool_size"] for row in small.store.read("evidence").to_pylist()} == {226}


def test_pictures_of_sets_count_for_no_evidence(small):
    small.calibrate(tau=0.2, lam=0.1)
    steps(small)
    before = counted(small.store, "share")
    small.model("a set", list(small.vectors)[:3], case="set_3", kind="set", near=1.0)
    steps(small, force=True)
    assert counted(small.store, "share") == before


def test_ranges_of_p_none_are_those_of_pictures_of_unknown_kind(judged):
    assert steps(judged)
    answers, right = answers_to_test_pictures(judged)
    values = [answer.p_none for answer in answers]
    assert counted(judged.store, "p_none") == by_sql(P_NONE_EDGES, values, right)


def test_a_second_call_does_nothing_until_the_calibration_changes(small):
    small.calibrate(tau=0.2, lam=0.1)
    steps(small)
    version = small.store.versions()["evidence"]
    assert not steps(small)
    assert small.store.versions()["evidence"] == version
    assert steps(small, force=True)
    before = counted(small.store, "share")
    recalibrate(small)
    assert steps(small)
    assert counted(small.store, "share") != before
    assert small.store.count("evidence") == 10


def test_features_without_shares_are_left_out(small):
    assert not steps(small)
    assert not small.store.count("evidence")


def test_a_store_without_test_models_has_nothing_to_measure(fake):
    fake.images([f"g{n}" for n in range(30)], "gallery")
    fake.calibrate(tau=0.2, lam=0.1)
    assert not steps(fake)
    with pytest.raises(NotFoundError):
        steps(fake, encoder="other")
