"""The views, against the pools that their ranks were drawn from."""

import shutil
from collections import defaultdict
from datetime import datetime

import numpy as np
import pytest
from attribase.query import connect
from attribase.store import Store

from ..intervals import interval, paired_difference
from ..ranked import SCHEMES, Ranked, fill

METRICS = ("recall_5", "recall_10", "recall_100", "ap")
GROUP = ("encoder", "mapper", "case_name", "scheme", "split")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    return fill(Ranked(Store.create(tmp_path_factory.mktemp("views") / "a.store")))


@pytest.fixture
def con(filled):
    with connect(filled.store.uri) as con:
        yield con


@pytest.fixture
def mine(filled, tmp_path):
    """A copy that a test may write to."""
    store = Store.open(shutil.copytree(filled.store.uri, tmp_path / "a.store"))
    drawn = dict(filled.drawn)
    return Ranked(store, np.random.default_rng(1), filled.models, filled.samples, drawn, filled.moment)


def rows(con, statement):
    return con.sql(statement).to_arrow_table().to_pylist()


def expected(filled):
    """group -> list of (exemplar set, metrics) of its samples, from the pools."""
    found = defaultdict(list)
    for encoder, mapper, sample in filled.drawn:
        row = filled.samples[sample]
        model = filled.models[row["model_id"]]
        group = (encoder, mapper, model["case_name"], row["scheme"], model["split"])
        found[group].append((tuple(sorted(model["exemplar_ids"])), filled.scores(sample, encoder, mapper)))
    return found


def test_metrics_are_those_of_the_pools_sorted(filled, con):
    wanted = expected(filled)
    found = rows(con, "from metrics")
    assert {tuple(row[k] for k in GROUP) for row in found} == set(wanted)
    assert len(found) == len(wanted) == 25
    for row in found:
        samples = [metrics for _, metrics in wanted[tuple(row[k] for k in GROUP)]]
        assert row["samples"] == len(samples)
        for name in METRICS:
            mean = np.mean([one[name] for one in samples])
            assert row["map" if name == "ap" else name] == pytest.approx(mean, abs=1e-12)


def test_metrics_are_the_means_of_per_sample(con):
    direct = rows(con, "select * exclude (map), map as ap from metrics order by all")
    means = "avg(recall_5) recall_5, avg(recall_10) recall_10, avg(recall_100) recall_100, avg(ap) ap"
    columns = ", ".join(GROUP)
    by_sample = rows(
        con, f"select {columns}, count(*) as samples, {means} from per_sample group by all order by all"
    )
    assert len(direct) == len(by_sample) == 25
    for one, other in zip(direct, by_sample, strict=True):
        assert [one[k] for k in (*GROUP, "samples")] == [other[k] for k in (*GROUP, "samples")]
        assert [one[k] for k in METRICS] == pytest.approx([other[k] for k in METRICS], abs=1e-13)


def test_per_sample_is_each_pool_sorted(filled, con):
    found = rows(con, "from per_sample")
    assert len(found) == len(filled.drawn)
    for row in found:
        wanted = filled.scores(row["sample_id"], row["encoder"], row["mapper"])
        assert {name: row[name] for name in METRICS} == pytest.approx(wanted)
        scores, right = filled.drawn[row["encoder"], row["mapper"], row["sample_id"]]
        best = 1 + int((scores > scores[right].max()).sum())
        assert (row["best_rank"], row["exemplars"], row["pool_size"]) == (best, right.sum(), len(scores))


def test_the_latest_finished_run_counts_scheme_by_scheme(mine):
    before = by_group(latest(mine))
    mine.run("near", "none", "objects", "gpt", skill=-9.0)
    mine.run("near", "none", "objects", "media", skill=-9.0, finished=False)
    after = by_group(latest(mine))
    assert [group for group in before if after[group] != before[group]] == [
        ("near", "none", "objects", "gpt", "test")
    ]


def by_group(found):
    return {tuple(row[k] for k in GROUP): (row["samples"], pytest.approx(row["map"])) for row in found}


def latest(mine):
    with connect(mine.store.uri) as con:
        return rows(con, "from metrics")


def test_ranks_and_runs_without_a_run_number_are_left_out(mine):
    old = {"run_id": "00", "encoder": "near", "mapper": "none", "case_name": "objects", "split": "test"}
    before = latest(mine)
    mine.store.upsert("runs", [old | {"started": datetime(2030, 1, 1)}])
    rank = {"run_id": "00", "sample_id": "o0-gpt0", "image_id": "o0e", "rank": 399, "pool_size": 400}
    mine.store.upsert("ranks", [rank])
    assert by_group(latest(mine)) == by_group(before)


def test_concepts_and_prompts_are_means_over_their_samples(filled, con):
    for row in rows(con, "from per_concept where encoder = 'far' and mapper = 'tuned' and split = 'test'"):
        samples = [
            filled.scores(name, "far", "tuned")
            for name, one in filled.samples.items()
            if one["scheme"] == row["scheme"] and filled.models[one["model_id"]]["concept"] == row["concept"]
        ]
        assert row["samples"] == len(samples)
        assert row["map"] == pytest.approx(np.mean([one["ap"] for one in samples]))
        assert row["models"] == (2 if row["concept"] == "concept of s0" else 1)
    prompts = rows(
        con, "from per_prompt where encoder = 'far' and mapper = 'tuned' and case_name = 'objects'"
    )
    assert {row["prompt"] for row in prompts} == {
        f"{scheme} prompt {n}" for scheme in SCHEMES for n in range(4)
    }
    for row in prompts:
        samples = [
            filled.scores(name, "far", "tuned")["recall_10"]
            for name, one in filled.samples.items()
            if one["prompt"] == row["prompt"] and name.startswith("o")
        ]
        assert (row["samples"], row["models"]) == (6, 6)
        assert row["recall_10"] == pytest.approx(np.mean(samples))


def naive_bootstrap(groups, values, seed, resamples=4000):
    """Percentiles of the mean over samples when whole groups are drawn; loops, and draws of its own."""
    rng = np.random.default_rng(seed)
    by_group = defaultdict(list)
    for group, value in zip(groups, values, strict=True):
        by_group[group].append(value)
    members = list(by_group.values())
    means = []
    for _ in range(resamples):
        drawn = [value for at in rng.integers(len(members), size=len(members)) for value in members[at]]
        means.append(np.mean(drawn))
    return np.percentile(means, [2.5, 97.5])


def test_intervals_are_the_bootstrap_over_exemplar_sets(con):
    found = rows(con, "from intervals")
    assert len(found) == 25 * 4
    for row in found:
        metric = row["metric"]
        where = " and ".join(f"{k} = '{row[k]}'" for k in GROUP)
        samples = rows(
            con, f"select exemplar_set, {metric} from per_sample where {where} order by exemplar_set"
        )
        groups, values = [one["exemplar_set"] for one in samples], [one[metric] for one in samples]
        sure = interval(values, groups)
        assert (row["samples"], row["models"]) == (sure.samples, sure.groups)
        assert row["estimate"] == pytest.approx(sure.estimate)
        if sure.groups >= 5:
            assert (row["low"], row["high"]) == pytest.approx((sure.low, sure.high), abs=1e-12)
        else:
            assert row["low"] is None
            assert row["high"] is None


@pytest.mark.parametrize("metric", ["recall_10", "ap"])
def test_intervals_agree_with_another_bootstrap(filled, con, metric):
    group = ("far", "tuned", "styles", "gpt", "test")
    samples = expected(filled)[group]
    low, high = naive_bootstrap([s for s, _ in samples], [m[metric] for _, m in samples], 5)
    where = " and ".join(f"{k} = '{v}'" for k, v in zip(GROUP, group, strict=True))
    (row,) = rows(con, f"from intervals where {where} and metric = '{metric}'")
    assert row["models"] == 5  # s0 and s5 were customized on the same exemplars
    width = high - low
    assert abs(row["low"] - low) < 0.1 * width
    assert abs(row["high"] - high) < 0.1 * width


def test_intervals_are_the_same_every_time(filled):
    answers = []
    for _ in range(2):
        with connect(filled.store.uri) as con:
            answers.append(rows(con, "from intervals order by all"))
    for one, other in zip(*answers, strict=True):
        assert one["low"] == pytest.approx(other["low"], abs=1e-14)


def test_differences_are_every_ordered_pair_on_shared_samples(filled, con):
    found = {
        (
            row["encoder"],
            row["case_name"],
            row["scheme"],
            row["split"],
            row["first"],
            row["second"],
            row["metric"],
        ): row
        for row in rows(con, "from differences")
    }
    per_pair = 12 * 2 + 2 * 2  # none and tuned everywhere both ways; half with each of them, both ways
    assert len(found) == per_pair * 4
    for (*place, first, second, metric), row in found.items():
        mirror = found[(*place, second, first, metric)]
        assert row["difference"] == pytest.approx(-mirror["difference"])
        assert row["difference"] == pytest.approx(row["second_mean"] - row["first_mean"])
        if row["low"] is not None:
            assert (row["low"], row["high"]) == pytest.approx((-mirror["high"], -mirror["low"]), abs=1e-12)
    half = found["near", "objects", "gpt", "test", "none", "half", "ap"]
    shared = [name for name in filled.samples if ("near", "half", name) in filled.drawn]
    one, other = ([filled.scores(s, "near", m)["ap"] for s in shared] for m in ("none", "half"))
    assert half["samples"] == len(shared) == 12
    assert (half["first_mean"], half["second_mean"]) == pytest.approx((np.mean(one), np.mean(other)))


def test_encoder_differences_are_paired_and_say_nothing_of_few_models(filled, con):
    where = "first_mapper = 'none' and second_mapper = 'none' and metric = 'ap' and split = 'test'"
    found = rows(con, f"from encoder_differences where {where} and scheme = 'gpt'")
    places = {(one["case_name"], one["first_encoder"], one["second_encoder"]): one for one in found}
    assert {place[1:] for place in places} == {("near", "far"), ("far", "near")}
    for (case, first, second), row in places.items():
        mirror = places[case, second, first]
        assert row["difference"] == pytest.approx(row["second_mean"] - row["first_mean"])
        assert row["difference"] == pytest.approx(-mirror["difference"])
        assert (row["low"] is None) == (row["models"] < 5)
    names = [s for s in filled.samples if s.startswith("s") and "gpt" in s]
    order = dict(rows_of_sets(con))
    names.sort(key=lambda s: order[s])
    one, other = ([filled.scores(s, e, "none")["ap"] for s in names] for e in ("far", "near"))
    sure = paired_difference(one, other, [order[s] for s in names])
    row = places["styles", "far", "near"]
    assert (row["low"], row["high"]) == pytest.approx((sure.low, sure.high), abs=1e-12)


def test_differences_are_the_paired_bootstrap(filled, con):
    order = dict(rows_of_sets(con))
    names = [s for s in filled.samples if s.startswith("s") and "gpt" in s]
    names.sort(key=lambda s: order[s])
    one, other = ([filled.scores(s, "far", m)["ap"] for s in names] for m in ("none", "tuned"))
    sure = paired_difference(one, other, [order[s] for s in names])
    where = "encoder = 'far' and case_name = 'styles' and scheme = 'gpt' and split = 'test' and metric = 'ap'"
    (row,) = rows(con, f"from differences where {where} and first = 'none' and second = 'tuned'")
    assert row["difference"] == pytest.approx(sure.estimate)
    assert (row["low"], row["high"]) == pytest.approx((sure.low, sure.high), abs=1e-12)
    gaps = [b - a for a, b in zip(one, other, strict=True)]
    low, high = naive_bootstrap([order[s] for s in names], gaps, 6)
    assert abs(row["low"] - low) < 0.1 * (high - low)
    assert abs(row["high"] - high) < 0.1 * (high - low)


def rows_of_sets(con):
    return con.execute("select distinct sample_id, exemplar_set from per_sample").fetchall()
