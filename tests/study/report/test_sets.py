"""The correlation of one image added in with sets: Pearson's r and its interval, drawn for each size."""

import csv

import numpy as np
import pytest
from attribase.query import connect
from attribase.study.report.sets import pearson


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


def test_figure_10_has_the_recall_of_sets_and_its_correlation(with_more):
    store, folder = with_more
    with (folder.report / "figures/figure-10.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["encoder"], row["mapper"], row["size"]) for row in rows} == {
        (encoder, mapper, size)
        for encoder in ("quiet", "loud")
        for mapper in ("none", "object+style")
        for size in ("2", "3")
    }
    with connect(store.uri) as con:
        for row in rows:
            key = [row["encoder"], row["mapper"]]
            [(recall,)] = con.execute(
                "select recall_n from metrics_sets where (encoder, mapper, size) = ($1, $2, $3)",
                [*key, int(row["size"])],
            ).fetchall()
            [(single,)] = con.execute(
                """select avg(recall_10) from metrics
                where (encoder, mapper) = ($1, $2) and split = 'test'
                and not starts_with(case_name, 'sets')""",
                key,
            ).fetchall()
            assert float(row["recall_n"]) == pytest.approx(recall)
            assert float(row["single"]) == pytest.approx(single)
    for size in ("2", "3"):
        mine = [row for row in rows if row["size"] == size]
        r = np.corrcoef([[float(row[name]) for row in mine] for name in ("single", "recall_n")])[0, 1]
        assert [float(row["pearson"]) for row in mine] == pytest.approx([r] * 4)


def test_figure_10_has_a_panel_of_the_correlation_by_size_and_a_scatter_of_each(with_more):
    report = with_more[1].report
    assert {path.stem for path in (report / "figures").glob("figure-10?.svg")} == {
        "figure-10a",
        "figure-10b",
        "figure-10c",
    }
    page = (report / "index.html").read_text()
    titles = ("Correlation by size of the sets", "Sets of 2 images: r", "Sets of 3 images: r")
    assert [page.index(title) for title in titles] == sorted(page.index(title) for title in titles)


def test_sets_are_in_no_table_of_single_images(with_more):
    _, folder = with_more
    assert {path.name for path in (folder.report / "tables").glob("*.csv")} == {
        "table-3.csv",
        "table-4.csv",
        "directions.csv",
        "differences.csv",
    }
    assert "sets" not in (folder.report / "tables/table-3.csv").read_text()
