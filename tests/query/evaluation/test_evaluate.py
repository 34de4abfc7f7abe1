"""Ranks in the store: pools, ties, resuming, and doing nothing twice."""

import numpy as np
import pyarrow as pa
import pytest
from attribase.query import connect, evaluate
from attribase.query.evaluation import counter as devices
from attribase.query.evaluation.counter import choose_device
from attribase.store import ConflictError, InvalidInputError, NotFoundError
from sklearn.metrics import average_precision_score


def sorted_ranks(fake, sample, exemplars, real=None, synth=None):
    """Independent: a full sort of the pool; distractors before exemplars on ties, exemplars by id."""
    gallery = fake.store.read("members", where="collection = 'gallery'")["image_id"].to_pylist()
    pool = sorted(set(gallery) | set(exemplars))
    matrix = np.stack([fake.vectors[i] for i in pool]).astype(np.float64)
    query = fake.vectors[sample].astype(np.float64)
    if real is not None:
        matrix, query = matrix @ real.T, query @ synth.T
    scores = np.array([row @ query / np.linalg.norm(row) / np.linalg.norm(query) for row in matrix])
    scores = np.round(scores, 9)
    is_exemplar = np.array([i in set(exemplars) for i in pool])
    order = np.lexsort((np.array(pool), is_exemplar, -scores))
    place = {pool[index]: rank for rank, index in enumerate(order, start=1)}
    return {e: place[e] for e in exemplars}, len(pool), is_exemplar, scores


def stored(fake, mapper="none"):
    con = connect(fake.store.uri)
    rows = con.execute(
        "select case_name, sample_id, image_id, rank, pool_size from ranks join latest_runs using (run_id)"
        " where mapper = ?",
        [mapper],
    ).fetchall()
    con.close()
    found = {}
    for _, sample, image, rank, pool in rows:
        found.setdefault(sample, {})[image] = (rank, pool)
    return found


@pytest.mark.parametrize("block", [7, 64, 8192])
def test_ranks_equal_a_full_sort_with_ties_and_duplicates(small, block):
    list(evaluate(small.store, block=block))
    found = stored(small)
    exemplars = {
        row["model_id"]: row["exemplar_ids"]
        for row in small.store.read("models").to_pylist()
        if row["split"] != "train"
    }
    assert {sample.split("-")[0] for sample in found} == set(exemplars)
    for sample, images in found.items():
        expected, pool_size, _, _ = sorted_ranks(small, sample, exemplars[sample.split("-")[0]])
        assert {image: rank for image, (rank, _) in images.items()} == expected
        assert {pool for _, pool in images.values()} == {pool_size}


def test_ranks_equal_a_full_sort_with_a_mapper(small):
    real, synth = small.rng.normal(size=(2, 16, 16))
    small.mapper("tuned", real, synth)
    list(evaluate(small.store, mapper="tuned"))
    for sample, images in stored(small, "tuned").items():
        expected, *_ = sorted_ranks(small, sample, list(images), real, synth)
        assert {image: rank for image, (rank, _) in images.items()} == expected


def test_many_exemplars_rank_as_sorting_does(fake):
    fake.images([f"g{i}" for i in range(300)], "gallery")
    names = [f"x{i}" for i in range(70)]
    fake.images(names, "exemplars")
    for count in (1, 2, 70):
        fake.model(f"m{count}", names[:count], near=1.0)
    list(evaluate(fake.store))
    for sample, images in stored(fake).items():
        expected, *_ = sorted_ranks(fake, sample, list(images))
        assert {image: rank for image, (rank, _) in images.items()} == expected


def test_average_precision_equals_scikit_learn(fake):
    fake.images([f"g{i}" for i in range(300)], "gallery")
    names = [f"x{i}" for i in range(12)]
    fake.images(names, "exemplars")
    samples = fake.model("m", names, near=0.5, samples=6) + fake.model("n", names[:1], near=0.5)
    list(evaluate(fake.store))
    con = connect(fake.store.uri)
    rows = con.sql(
        "select sample_id, ap, recall_5, recall_10, recall_100, best_rank from per_sample"
    ).fetchall()
    con.close()
    assert {row[0] for row in rows} == set(samples)
    for sample, ap, *recalls, best in rows:
        exemplars = names if sample.startswith("m") else names[:1]
        expected, _, is_exemplar, scores = sorted_ranks(fake, sample, exemplars)
        assert ap == pytest.approx(average_precision_score(is_exemplar, scores), abs=1e-12)
        hits = np.array(list(expected.values()))
        assert recalls == pytest.approx([np.mean(hits <= k) for k in (5, 10, 100)])
        assert best == hits.min()


def test_metrics_are_means_over_samples_by_case_scheme_and_split(small):
    list(evaluate(small.store))
    con = connect(small.store.uri)
    rows = con.sql("from metrics").to_arrow_table().to_pylist()
    samples = con.sql("from per_sample").to_arrow_table().to_pylist()
    con.close()
    keys = ("encoder", "mapper", "case_name", "scheme", "split")
    for row in rows:
        mine = [s for s in samples if all(s[k] == row[k] for k in keys)]
        assert row["samples"] == len(mine)
        assert row["map"] == pytest.approx(np.mean([s["ap"] for s in mine]))
        assert row["recall_10"] == pytest.approx(np.mean([s["recall_10"] for s in mine]))
    assert {(row["case_name"], row["split"]) for row in rows} == {
        ("case", "test"), ("case", "control"), ("other", "test"), ("other", "val"),
    }  # fmt: skip


def test_a_run_pins_the_versions_of_what_it_read(small):
    import json

    list(evaluate(small.store, case="case"))
    versions = small.store.versions()
    for run in small.store.read("runs").to_pylist():
        pinned = json.loads(run["table_versions"])
        assert pinned == {t: versions[t] for t in ("members", "models", "samples", "vectors_enc")}
        assert "+ranks." in run["code_version"]


def test_notes_count_what_is_left_out(small):
    small.store.upsert("members", [{"collection": "gallery", "image_id": "lost"}])
    small.store.upsert("samples", [{"sample_id": "unseen", "model_id": "m0", "scheme": "gpt"}])
    notes = {step.note for step in evaluate(small.store, case="case")}
    left_out = "1 samples have no vector or no exemplars; 1 gallery images have no vector"
    assert f"enc/none case control, case test; {left_out}" in notes


def test_an_exemplar_without_a_vector_is_an_error(small):
    small.store.upsert(
        "models",
        [
            {
                "model_id": "mx",
                "method": "x",
                "exemplar_ids": ["e00", "gone"],
                "case_name": "case",
                "split": "test",
            }
        ],
    )
    small.store.upsert("samples", [{"sample_id": "sx", "model_id": "mx", "scheme": "gpt"}])
    small.embed(["sx"], "sample")
    with pytest.raises(ConflictError, match="gone"):
        list(evaluate(small.store))


@pytest.mark.parametrize("wrong", [{"encoder": "no"}, {"mapper": "no"}, {"case": "no"}])
def test_unknown_names_are_errors_that_list_the_known_ones(small, wrong):
    with pytest.raises(NotFoundError) as error:
        list(evaluate(small.store, **wrong))
    assert "enc" in error.value.hint or "case, other" in error.value.hint


def test_items_embedded_after_the_mapper_are_an_error(small):
    small.mapper("tuned", np.eye(16), np.eye(16))
    small.model("late", ["e02"])
    with pytest.raises(ConflictError, match="tuned"):
        list(evaluate(small.store, mapper="tuned"))


def test_ranks_carry_their_place_and_the_number_of_exemplars(small):
    list(evaluate(small.store))
    con = connect(small.store.uri)
    rows = con.sql(
        "select place, exemplars, row_number() over mine, count(*) over (partition by run_id, sample_id),"
        " run_number = (select r.run_number from runs r where r.run_id = ranks.run_id)"
        " from ranks window mine as (partition by run_id, sample_id order by rank)"
    ).fetchall()
    con.close()
    assert len(rows) == small.store.count("ranks") > 0
    assert all(place == nth and exemplars == count and same for place, exemplars, nth, count, same in rows)


def test_runs_are_per_scheme_and_say_how_many_samples_they_ranked(small):
    small.store.upsert(
        "samples", [{"sample_id": "plain", "model_id": "m0"}, {"sample_id": "unseen", "model_id": "m0"}]
    )
    small.embed(["plain"], "sample")
    list(evaluate(small.store, case="case"))
    runs = small.store.read("runs").to_pylist()
    found = {(run["split"], run["scheme"]): run["samples"] for run in runs}
    assert found == {
        ("test", ""): 1, ("test", "gpt"): 4, ("test", "media"): 2,
        ("control", "gpt"): 2, ("control", "media"): 1,
    }  # fmt: skip


def test_a_sample_without_exemplars_is_left_out(small):
    small.store.upsert(
        "models",
        [{"model_id": "m8", "method": "x", "exemplar_ids": [], "case_name": "bare", "split": "test"}],
    )
    small.store.upsert("samples", [{"sample_id": "s8", "model_id": "m8", "scheme": "gpt"}])
    small.embed(["s8"], "sample")
    list(evaluate(small.store, case="bare"))
    assert small.store.count("ranks") == 0
    assert [run["samples"] for run in small.store.read("runs").to_pylist()] == [0]
    assert list(evaluate(small.store, case="bare")) == []


def test_candidates_come_in_the_order_of_the_table(small):
    from attribase.query.features import FeatureReader, ImageSet, Pinned

    pinned = Pinned.now(small.store)
    features = FeatureReader(pinned, "enc")
    few = ImageSet(features, pa.array(["g003", "e10", "g199"]), 64)
    assert few.ids.to_pylist() == ["g003", "g199", "e10"]
    rows = np.concatenate(list(few.raw_blocks()))
    np.testing.assert_array_equal(rows, [small.vectors[i] for i in ("g003", "g199", "e10")])
    assert few.indices(["e10", "g000", "nowhere", "g003"]).tolist() == [2, -1, -1, 0]
    assert list(ImageSet(features, pa.array(["nowhere"]), 64).raw_blocks()) == []


def test_rows_deleted_from_the_vector_table_shift_nothing(small):
    small.store.dataset("vectors_enc").delete("item_id in ('g000', 'g020', 'c0-s1')")
    small.store.dataset("members").delete("image_id in ('g000', 'g020')")
    list(evaluate(small.store))
    found = stored(small)
    assert "c0-s1" not in found
    assert len(found) == 18
    for sample, images in found.items():
        expected, pool_size, _, _ = sorted_ranks(small, sample, list(images))
        assert images == {image: (rank, pool_size) for image, rank in expected.items()}


def test_a_device_that_is_not_there_is_an_error():
    with pytest.raises(InvalidInputError, match="no device 'abacus'"):
        choose_device("abacus")
    if not any(map(devices._present, ("cuda", "mps"))):
        with pytest.raises(InvalidInputError, match="no cuda device"):
            choose_device("cuda")
        assert choose_device() == choose_device("auto") == "cpu"
