"""The published figures: complete, plausible, and what the view says."""

import csv

import pytest
from attribase.query import connect
from attribase.query.sql.statements import PUBLISHED_CSV
from attribase.store import Store

METRICS = ("recall_5", "recall_10", "recall_100", "map")
CASES = {
    "arXiv:2306.09345 Table 3": {("observed_imagenet", "gpt"), ("observed_imagenet", "media")}
    | {("bamfg", "gpt"), ("bamfg", "object")},
    "arXiv:2306.09345 Table 4": {("unobserved_imagenet", "gpt"), ("unobserved_imagenet", "media")}
    | {("artchive", "gpt"), ("artchive", "object")},
}
MAPPERS = {"none", "object", "style", "object+style/no-reg", "object+style"}
MORE = {"object+style/channel", "object+style/mlp", "object+style/strong-aug"}


@pytest.fixture(scope="module")
def figures():
    with PUBLISHED_CSV.open(newline="") as file:
        return list(csv.DictReader(file))


def test_both_tables_are_complete(figures):
    """Six encoders; five mappers each, eight for CLIP and DINO; four columns of cases and schemes a table."""
    wanted = {
        (source, encoder, mapper, *case)
        for source, cases in CASES.items()
        for encoder in ("clip", "dino", "moco", "vit", "aladin", "sscd")
        for mapper in (MAPPERS | MORE if encoder in ("clip", "dino") else MAPPERS)
        for case in cases
    }
    keys = [tuple(row[k] for k in ("source", "encoder", "mapper", "case_name", "scheme")) for row in figures]
    assert set(keys) == wanted
    assert len(keys) == len(wanted) == 288


def test_figures_are_shares_and_recall_grows_with_k(figures):
    for row in figures:
        values = [float(row[name]) for name in METRICS]
        assert all(0 < value < 1 for value in values)
        assert values[0] < values[1] < values[2]
        assert values[3] < values[2]


def test_a_few_figures_as_printed(figures):
    found = {tuple(row.values())[1:5]: tuple(row.values())[5:] for row in figures}
    assert found["clip", "none", "observed_imagenet", "gpt"] == ("0.236", "0.277", "0.437", "0.195")
    assert found["dino", "object+style", "unobserved_imagenet", "media"] == (
        "0.598",
        "0.629",
        "0.714",
        "0.549",
    )
    assert found["sscd", "object+style", "artchive", "object"] == ("0.131", "0.148", "0.213", "0.123")


def test_the_view_is_the_file_with_numbers(figures, tmp_path):
    Store.create(tmp_path / "s")
    with connect(tmp_path / "s") as con:
        rows = con.sql("from published").to_arrow_table().to_pylist()
        # what every user does with it
        joined = "from published left join metrics using (encoder, mapper, case_name, scheme)"
        assert con.execute(f"select count(*) {joined}").fetchone() == (288,)
    assert rows == [row | {name: float(row[name]) for name in METRICS} for row in figures]
