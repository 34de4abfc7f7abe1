"""The correlation of one image added in with sets: Pearson's r and its interval, drawn for each size."""

import csv

import numpy as np
import pytest
from attribase.query import connect
from attribase.store import Store
from attribase.study.folder import StudyFolder
from attribase.study.plan import StudyPlan
from attribase.study.report import write_study_report
from attribase.study.report.sets import pearson
from attribase.study.run import run_study


def test_pearson_is_that_of_numpy_with_fishers_interval():
    rng = np.random.default_rng(0)
    x = rng.normal(size=20)
    y = 0.6 * x + 0.5 * rng.normal(size=20)
    found = pearson(x, y)
    assert found.r == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert np.arctanh(found.high) - np.arctanh(found.r) == pytest.approx(1.959964 / np.sqrt(17))
    assert found.low < found.r < found.high


def test_the_interval_covers_the_correlation_that_data_were_drawn_with():
    rng, rho = np.random.default_rng(1), 0.7
    covered = 0
    for _ in range(400):
        x = rng.normal(size=16)
        found = pearson(x, rho * x + np.sqrt(1 - rho**2) * rng.normal(size=16))
        covered += found.low <= rho <= found.high
    assert 0.91 < covered / 400 < 0.98


def test_too_little_has_no_correlation():
    assert pearson([1, 2], [1, 2]) is None
    assert pearson([1, 1, 1], [1, 2, 3]) is None
    assert pearson([1, 2, 3], [1, 2, 4]).low is None


def add_sets(store: Store) -> None:
    """Models of two images of the gallery each; the encoders differ in how near samples are to these."""
    rng = np.random.default_rng(2)
    vectors = store.read("vectors_quiet", ["item_id", "base"]).to_pylist()
    points = {row["item_id"]: np.array(row["base"]) for row in vectors}
    images = store.read("members")["image_id"].to_pylist()
    models, samples, rows = [], [], {"quiet": [], "loud": []}
    for number in range(5):
        name, own = f"set-{number}", images[2 * number : 2 * number + 2]
        models.append({"model_id": name, "method": "custom-diffusion", "case_name": "sets", "split": "test"})
        models[-1] |= {"concept_kind": "set", "exemplar_ids": own}
        for at in range(2):
            sample = f"{name}-{at}"
            samples.append({"sample_id": sample, "model_id": name, "scheme": "captions"})
            for encoder, noise in (("quiet", 0.5), ("loud", 1.2)):
                centre = np.mean([points[one] for one in own], axis=0)
                vector = (centre + noise * rng.normal(size=12)).tolist()
                rows[encoder].append({"item_id": sample, "item_kind": "sample", "base": vector})
    store.upsert("models", models)
    store.upsert("samples", samples)
    for encoder, new in rows.items():
        store.upsert(f"vectors_{encoder}", new)


@pytest.fixture(scope="module")
def with_sets(studied_once, tmp_path_factory):
    """The report of a study of raw features and of mappers that see only some channels, with sets."""
    import shutil

    root = tmp_path_factory.mktemp("sets")
    shutil.copytree(studied_once.folder.store, root / "store")
    store = Store.open(root / "store")
    add_sets(store)
    folder = StudyFolder(root / "dir")
    plan = StudyPlan(variants=("none", "object+style"), checks=())
    list(run_study(folder, store, plan))
    list(write_study_report(folder, store))
    return store, folder


def test_figure_10_has_the_recall_of_sets_and_its_correlation(with_sets):
    store, folder = with_sets
    with (folder.report / "figures/figure-10.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["encoder"], row["mapper"], row["size"]) for row in rows} == {
        (encoder, mapper, "2") for encoder in ("quiet", "loud") for mapper in ("none", "object+style")
    }
    with connect(store.uri) as con:
        for row in rows:
            key = [row["encoder"], row["mapper"]]
            [(recall,)] = con.execute(
                "select recall_n from metrics_sets where (encoder, mapper) = ($1, $2)", key
            ).fetchall()
            [(single,)] = con.execute(
                """select avg(recall_10) from metrics
                where (encoder, mapper) = ($1, $2) and split = 'test' and case_name <> 'sets'""",
                key,
            ).fetchall()
            assert float(row["recall_n"]) == pytest.approx(recall)
            assert float(row["single"]) == pytest.approx(single)
    r = np.corrcoef([[float(row[name]) for row in rows] for name in ("single", "recall_n")])[0, 1]
    assert float(rows[0]["pearson"]) == pytest.approx(r)


def test_sets_are_in_no_table_of_single_images(with_sets):
    _, folder = with_sets
    assert {path.name for path in (folder.report / "tables").glob("*.csv")} == {
        "table-3.csv",
        "table-4.csv",
        "directions.csv",
        "differences.csv",
    }
    assert "sets" not in (folder.report / "tables/table-3.csv").read_text()
