"""What is counted block by block equals sorting, sklearn and a softmax over whole similarity matrices."""

import numpy as np
import pyarrow as pa
import pytest
from attribase.query.catalog import read_calibration
from attribase.query.evaluation.calibration import read_law
from attribase.query.evaluation.cases import Sample
from attribase.query.features import FeatureReader, ImageSet, Pinned
from attribase.store import Store, key_id
from attribase.study.checks.copy_scores import PLACES, score_copies
from sklearn.metrics import average_precision_score

DIM, GALLERY, ORIGINALS, ALTERATIONS, TAU, LAMBDA = 6, 130, 7, 3, 0.2, 0.01


@pytest.fixture
def planted(tmp_path):
    """Vectors of a gallery, of copies (an original plus noise) and of distractors; and the whole scores."""
    rng = np.random.default_rng(3)
    store = Store.create(tmp_path / "a.store")
    store.upsert("encoders", [{"encoder": "enc", "dim": DIM}])
    table = store.ensure_vectors("enc", DIM)
    images = {f"g{n:03d}": rng.normal(size=DIM) for n in range(GALLERY)}
    images["g129"] = images["g003"].copy()  # two images of one vector: they tie
    names = list(images)
    copies = {
        (f"c{n}-{a}", names[n]): images[names[n]] + a * 0.7 * rng.normal(size=DIM)
        for n in range(ORIGINALS)
        for a in range(ALTERATIONS)
    }
    others = {(f"d{n}", f"left out {n // 2}"): rng.normal(size=DIM) for n in range(8)}
    for kind, vectors in (("image", images), ("sample", {key[0]: v for key, v in (copies | others).items()})):
        rows = [
            {"item_id": i, "item_kind": kind, "base": v.astype(np.float32).tolist()}
            for i, v in vectors.items()
        ]
        store.upsert(table, rows)
    row = {"calibration_id": key_id("enc", "none"), "encoder": "enc", "mapper": "none"}
    store.upsert("calibrations", [row | {"tau": TAU, "lambda": LAMBDA}])
    return store, images, copies, others


def scored(planted):
    store, images, copies, others = planted
    pinned = Pinned.now(store)
    assert read_calibration(pinned, "enc", "none") is not None
    reader = FeatureReader(pinned, "enc")
    pool = ImageSet(reader, pa.array(list(images)), block=32)
    mine = [Sample(item, original, "", (original,)) for item, original in copies]
    distractors = [Sample(item, group, "", ()) for item, group in others]
    return score_copies(mine, distractors, reader, pool, read_law(pinned, "enc", "none"))


def cosines(planted):
    _, images, copies, others = planted
    queries = np.array([*copies.values(), *others.values()])
    gallery = np.array(list(images.values()))
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, gallery)]
    return units[0] @ units[1].T


def test_average_precision_over_all_pairs_is_that_of_sklearn(planted):
    scores = cosines(planted)
    right = np.zeros(scores.shape, bool)
    for row, (_, original) in enumerate(planted[2]):
        right[row, list(planted[1]).index(original)] = True
    rounded = np.round(scores, 5)  # what ties but for rounding is one threshold
    expected = average_precision_score(right.ravel(), rounded.ravel())
    found = scored(planted)
    assert found.average_precision() == pytest.approx(expected, abs=1e-3)
    low, high = found.interval()
    assert low < expected < high
    assert (low, high) == found.interval()


def test_ranks_are_those_of_sorting_and_a_tie_counts_against_the_copy(planted):
    scores, found = cosines(planted), scored(planted)
    names = list(planted[1])
    for row, (item, original) in enumerate(planted[2]):
        own = scores[row, names.index(original)]
        others = np.delete(scores[row], names.index(original))
        assert found.ranks[row] == 1 + (others >= own - 1e-6).sum(), item
        assert found.others[row] == pytest.approx(np.sort(others)[::-1][:PLACES], abs=1e-5)
    exact = [row for row, (item, _) in enumerate(planted[2]) if item.endswith("-0")]
    of_twin = [item for item, _ in planted[2]].index("c3-0")
    assert [found.ranks[row] for row in exact if row != of_twin] == [1] * (ORIGINALS - 1)
    assert found.ranks[of_twin] == 2


def test_influence_of_the_copied_and_of_the_next_is_equation_6_over_the_pool(planted):
    scores, found = cosines(planted), scored(planted)
    names = list(planted[1])
    for row, (_, original) in enumerate(planted[2]):
        terms = np.maximum(np.exp((scores[row] - scores[row].max()) / TAU) - LAMBDA, 0)
        shares = terms / terms.sum()
        at = names.index(original)
        expected = [shares[at], *np.sort(np.delete(shares, at))[::-1][:PLACES]]
        assert found.influence[row] == pytest.approx(np.array(expected), abs=1e-4)


def test_copies_alone_have_precision_without_distractors(planted):
    store, images, copies, _ = planted
    reader = FeatureReader(Pinned.now(store), "enc")
    pool = ImageSet(reader, pa.array([name for name in images if name != "g129"]))
    exact = [Sample(item, original, "", (original,)) for item, original in copies if item.endswith("-0")]
    found = score_copies(exact, [], reader, pool, None)
    assert found.average_precision() == 1.0
    assert found.influence is None
    assert found.interval() == (1.0, 1.0)
