"""The report's folder: every number is what SQL says, and it is there whole or not at all."""

import csv
import re

import pytest
from attribase.query import Features, compare_features
from attribase.query.evaluation.significance import significance
from attribase.store import InvalidInputError, NotFoundError
from attribase.study.check_results import read_results
from attribase.study.folder import StudyFolder
from attribase.study.report import write as writing
from attribase.study.report import write_study_report


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def number(text):
    return float(text) if text else None


def test_every_number_of_the_tables_is_in_the_views(report, con):
    metrics = {
        (row["encoder"], row["mapper"], row["case_name"], row["scheme"], name): row[name]
        for row in con.sql("from metrics where split = 'test'").to_arrow_table().to_pylist()
        for name in ("recall_5", "recall_10", "recall_100", "map")
    }
    ends = {
        (row["encoder"], row["mapper"], row["case_name"], row["scheme"], row["metric"]): (
            row["low"],
            row["high"],
        )
        for row in con.sql("from intervals where split = 'test'").to_arrow_table().to_pylist()
    }
    found = rows(report / "tables/table-3.csv") + rows(report / "tables/table-4.csv")
    assert len(found) == len(metrics)
    for row in found:
        key = row["encoder"], row["mapper"], row["case_name"], row["scheme"]
        assert number(row["value"]) == pytest.approx(metrics[*key, row["metric"]], abs=1e-12)
        low, high = ends[*key, "ap" if row["metric"] == "map" else row["metric"]]
        assert (number(row["low"]), number(row["high"])) == pytest.approx((low, high), abs=1e-12)
        assert row["table"] == ("Table 3" if row["case_name"].endswith("_seen") else "Table 4")


def test_the_best_of_each_column_is_marked(report):
    found = rows(report / "tables/table-3.csv")
    for key in {(row["case_name"], row["scheme"], row["metric"]) for row in found}:
        column = [row for row in found if (row["case_name"], row["scheme"], row["metric"]) == key]
        best = max(float(row["value"]) for row in column)
        assert [row["best"] == "True" for row in column] == [float(row["value"]) == best for row in column]


@pytest.mark.parametrize("name", ["table-3", "table-4"])
def test_latex_has_as_many_cells_in_every_row_as_columns(report, name):
    text = (report / f"tables/{name}.tex").read_text()
    columns = len(re.search(r"\\begin\{tabular\}\{(\w+)\}", text)[1])
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert columns == 2 + 4 * 4
    for line in lines:
        spans = [int(one) for one in re.findall(r"\\multicolumn\{(\d+)\}", line)]
        assert line.count("&") + 1 - len(spans) + sum(spans) == columns
    assert text.count("{") == text.count("}")
    assert len(re.findall(r"\\begin\{", text)) == len(re.findall(r"\\end\{", text))
    assert not re.search(r"(?<!\\)_", text.replace("\\label{tab:", ""))


def test_directions_are_the_paired_differences_of_sql(report, con):
    found = rows(report / "tables/directions.csv")
    one = next(row for row in found if row["encoder"] == "loud" and row["first"] == "no-reg")
    mean = compare_features(con, Features("loud", "no-reg"), Features("loud", "object+style"))[-1]
    got = [float(one[name]) for name in ("difference", "low", "high")]
    assert got == pytest.approx([mean.difference, mean.low, mean.high])
    assert {row["verdict"] for row in found} <= {"holds", "does not", "undecided"}
    for row in found:
        low, high, paper = (float(row[name]) for name in ("low", "high", "paper"))
        if row["verdict"] == "undecided":
            assert low <= 0 <= high
        else:
            assert (row["verdict"] == "holds") == ((low > 0) == (paper > 0))


def test_the_papers_side_of_a_direction_is_its_tables(report, con):
    """The mean difference over the paper's encoders, worked out in SQL."""
    [(mean,)] = con.sql(
        """select avg(difference) from (
            select a.encoder, avg(a.recall_10 - b.recall_10) as difference from published a
            join published b using (source, encoder, case_name, scheme)
            where a.mapper = 'object+style' and b.mapper = 'object+style/no-reg' group by a.encoder)"""
    ).fetchall()
    found = rows(report / "tables/directions.csv")
    one = next(row for row in found if row["first"] == "no-reg")
    assert float(one["paper"]) == pytest.approx(mean)


def test_the_points_of_figure_5_are_means_over_schemes(report, con):
    for row in rows(report / "figures/figure-5.csv"):
        for axis in ("x", "y"):
            [(mean,)] = con.execute(
                """select avg(recall_10) from metrics
                where split = 'test' and (encoder, mapper, case_name) = ($1, $2, $3)""",
                [row["encoder"], row["mapper"], row[f"{axis}_case"]],
            ).fetchall()
            assert float(row[axis]) == pytest.approx(mean)


def test_the_bars_of_figure_6_are_the_metrics(report, con):
    found = rows(report / "figures/figure-6.csv")
    assert {row["case_name"] for row in found} == {
        "object_seen",
        "object_unseen",
        "style_seen",
        "style_unseen",
    }
    for row in found:
        key = [row["encoder"], row["mapper"], row["case_name"], row["scheme"]]
        [(value,)] = con.execute(
            """select recall_10 from metrics
            where split = 'test' and (encoder, mapper, case_name, scheme) = ($1, $2, $3, $4)""",
            key,
        ).fetchall()
        assert float(row["value"]) == pytest.approx(value)


def test_the_gains_of_figure_7_are_the_paired_differences(report, con):
    found = rows(report / "figures/figure-7.csv")
    assert {row["mapper"] for row in found} == {"object+style", "no-reg", "channel"}
    for row in found:
        mean = compare_features(con, Features(row["encoder"]), Features(row["encoder"], row["mapper"]))[-1]
        got = [float(row[name]) for name in ("gain", "low", "high")]
        assert got == pytest.approx([mean.difference, mean.low, mean.high])


def test_every_drawing_is_on_the_page_and_has_numbers(report):
    page, markdown = (report / "index.html").read_text(), (report / "report.md").read_text()
    drawings = sorted(path.name for path in (report / "figures").glob("*.svg"))
    assert len(drawings) >= 8
    for name in drawings:
        assert f'href="figures/{name}"' in page
        assert f"figures/{name}" in markdown
        assert (report / "figures" / f"{name[:-5]}.csv").stat().st_size > 0
    for link in re.findall(r'(?:href|src)="([^"#:]+)"', page):
        assert (report / link).is_file(), link
    for link in re.findall(r"\]\(([^)#]+)\)", markdown):
        assert (report / link).is_file(), link


def test_the_same_study_gives_the_same_bytes(report, studied_once, tmp_path):
    list(write_study_report(studied_once.folder, studied_once.store, tmp_path / "again"))
    for path in report.rglob("*"):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(report)).read_bytes() == path.read_bytes(), path


def test_a_report_is_of_the_pinned_versions_whatever_came_later(report, studied, tmp_path):
    studied.store.dataset("ranks").delete("true")
    studied.store.dataset("samples").delete("true")
    list(write_study_report(studied.folder, studied.store, tmp_path / "later"))
    assert (tmp_path / "later/tables/table-4.csv").read_bytes() == (
        report / "tables/table-4.csv"
    ).read_bytes()


def test_a_report_that_fails_leaves_the_earlier_one_as_it_was(studied, monkeypatch):
    list(write_study_report(studied.folder, studied.store))
    before = {path: path.read_bytes() for path in studied.folder.report.rglob("*") if path.is_file()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.Path, "write_bytes", fail)
    with pytest.raises(InvalidInputError, match="No space left"):
        list(write_study_report(studied.folder, studied.store))
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in studied.folder.report.rglob("*") if path.is_file()} == before
    assert [path.name for path in studied.folder.path.iterdir() if path.name.startswith(".")] == []


def test_a_folder_of_something_else_is_not_replaced(studied, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(InvalidInputError, match="holds no report"):
        list(write_study_report(studied.folder, studied.store, tmp_path / "mine"))
    with pytest.raises(InvalidInputError, match="is a file"):
        list(write_study_report(studied.folder, studied.store, tmp_path / "mine" / "thesis.tex"))
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "x"


def test_without_a_run_there_is_nothing_to_report(studied, tmp_path):
    with pytest.raises(NotFoundError, match="no study ran to the end"):
        list(write_study_report(StudyFolder(tmp_path / "empty"), studied.store))


def test_what_cannot_be_shown_is_said_in_a_sentence(report):
    page = (report / "index.html").read_text()
    for name, said in (
        ("figure-9", "no picture without a model"),
        ("figure-10", "models of sets"),
        ("labelled-retrieval", "No images with labels"),
    ):
        assert f'<h2 id="{name}"' not in page
        assert said in page


def test_the_differences_are_corrected_for_all_that_were_compared(report, studied_once, con):
    found = rows(report / "tables/differences.csv")
    mappers = [one.mapper for one in studied_once.folder.read_record().features]
    tests = significance(con, mappers=list(dict.fromkeys(mappers)))
    assert len(found) == len(tests) > 0
    got = {
        (row["group"], row["encoder"], row["first"], row["second"]): float(row["adjusted"]) for row in found
    }
    assert got == pytest.approx(
        {(one.group, one.encoder, one.first, one.second): one.test.adjusted for one in tests}
    )


def test_checks_have_a_table(report, studied_once):
    [result] = read_results(studied_once.folder, ["sanity"])
    found = rows(report / "tables/check-sanity.csv")
    assert [float(row["value"]) for row in found] == [row.value for row in result.rows]
    assert found
    assert 'id="check-sanity"' in (report / "index.html").read_text()
