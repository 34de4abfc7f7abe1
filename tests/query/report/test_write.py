"""What is written where, of a real store."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from attribase.query import connect, evaluate
from attribase.query.report import write_report
from attribase.query.report.write import read_content
from attribase.store import InvalidInputError, NotFoundError, Store
from click.testing import CliRunner

from ..ranked import Ranked, fill


@pytest.fixture
def _no_plots(monkeypatch):
    """Where plots are not what is tested."""
    monkeypatch.setattr("attribase.query.report.content.plot_sections", lambda _: [])


@pytest.fixture
def evaluated(small):
    for _ in evaluate(small.store):
        pass
    return small.store


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_gets_the_page_the_markdown_and_the_figures(evaluated, tmp_path):
    paths = write_report(evaluated.uri, tmp_path / "out")
    assert paths[:2] == [tmp_path / "out" / "report.html", tmp_path / "out" / "report.md"]
    assert {path.relative_to(tmp_path / "out").as_posix() for path in paths} == files(tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    figures = {name for name in files(tmp_path / "out") if name.startswith("figures/")}
    assert figures
    assert all(f"({name})" in text for name in figures)
    assert text.count("![") == len(figures)


@pytest.mark.usefixtures("_no_plots")
def test_numbers_of_a_real_store_are_those_of_its_views(evaluated, tmp_path, reading):
    write_report(evaluated.uri, tmp_path / "r.html")
    places = reading.Page((tmp_path / "r.html").read_text()).places()
    con = connect(evaluated.uri)
    con.execute("set threads = 1")  # as the report sums
    rows = con.sql("from metrics where split = 'test'").to_arrow_table().to_pylist()
    assert rows
    for row in rows:
        cells = places[f"{row['case_name']}, {row['scheme']}", row["encoder"], "raw"]
        assert [cell["value"] for cell in cells] == [
            row[m] for m in ("recall_5", "recall_10", "recall_100", "map")
        ]


@pytest.mark.usefixtures("_no_plots")
def test_the_page_has_the_provenance_of_its_numbers(evaluated, tmp_path, reading):
    write_report(evaluated.uri, tmp_path / "r.html")
    text = " ".join(reading.Page((tmp_path / "r.html").read_text()).text.split())
    (run,) = evaluated.read("runs").slice(0, 1).to_pylist()
    assert run["code_version"] in text
    assert f"{run['started']:%Y-%m-%d %H:%M} UTC" in text
    for table, version in json.loads(run["table_versions"]).items():
        assert f"{table} {version}" in text
    assert f"runs {evaluated.versions()['runs']}" in text


@pytest.mark.usefixtures("_no_plots")
@pytest.mark.parametrize(("name", "there"), [("x.html", {"x.html"}), ("deep/x.HTML", {"deep/x.HTML"})])
def test_a_page_alone(evaluated, tmp_path, name, there):
    assert write_report(evaluated.uri, tmp_path / "out" / name) == [tmp_path / "out" / name]
    assert files(tmp_path / "out") == there


def test_markdown_alone_keeps_its_figures_apart_from_others(evaluated, tmp_path):
    write_report(evaluated.uri, tmp_path / "out" / "a.md")
    write_report(evaluated.uri, tmp_path / "out" / "b.md")
    figures = sorted(name for name in files(tmp_path / "out") if name.endswith(".svg"))
    assert figures
    assert {name.split("-")[0] for name in figures} == {"figures/a", "figures/b"}


def test_writing_again_changes_nothing(evaluated, tmp_path):
    first = {path: path.read_bytes() for path in write_report(evaluated.uri, tmp_path / "out")}
    second = {path: path.read_bytes() for path in write_report(evaluated.uri, tmp_path / "out")}
    assert first == second


@pytest.mark.usefixtures("_no_plots")
def test_numbers_are_the_same_to_the_last_bit_each_time(tmp_path):
    """Views sum floats in parallel, in an order that differs from run to run where threads are many."""
    store = fill(Ranked(Store.create(tmp_path / "a.store"))).store
    first, *others = (read_content(store.uri) for _ in range(4))
    assert first.tables
    assert all(other == first for other in others)


def test_written_files_are_readable_by_others(evaluated, tmp_path):
    for path in write_report(evaluated.uri, tmp_path / "out"):
        assert path.stat().st_mode & 0o777 == 0o644


def test_a_new_store_gets_a_report(tmp_path, reading):
    store = Store.create(tmp_path / "a.store")
    write_report(store.uri, tmp_path / "r.html")
    assert (
        "Nothing has been measured in this store yet" in reading.Page((tmp_path / "r.html").read_text()).text
    )


def test_no_store_is_an_error_and_writes_nothing(tmp_path):
    with pytest.raises(NotFoundError):
        write_report(tmp_path / "nothing", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("_no_plots")
@pytest.mark.parametrize("name", ["file/out", "file/x.html", "file", "taken.html"])
def test_a_path_that_cannot_be_written_is_a_clear_error(evaluated, tmp_path, name):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(InvalidInputError, match="cannot write") as caught:
        write_report(evaluated.uri, tmp_path / name)
    assert "where you may write" in caught.value.hint
    assert (tmp_path / "file").read_text() == "mine"
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.usefixtures("_no_plots")
def test_a_report_that_fails_leaves_the_old_one(evaluated, tmp_path, monkeypatch):
    (path,) = write_report(evaluated.uri, tmp_path / "r.html")
    old = path.read_bytes()

    def broken(_):
        raise RuntimeError("broken")

    monkeypatch.setattr("attribase.query.report.write.render_page", broken)
    with pytest.raises(RuntimeError):
        write_report(evaluated.uri, path)
    assert path.read_bytes() == old


def test_the_command_names_what_it_wrote(evaluated, tmp_path):
    from attribase.cli import cli

    done = CliRunner().invoke(cli, ["-s", evaluated.uri, "query", "report", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == str(tmp_path / "out" / "report.html")
    assert set(done.stdout.splitlines()) == {str(tmp_path / "out" / name) for name in files(tmp_path / "out")}


def test_a_report_needs_no_torch(evaluated, tmp_path):
    code = (
        "import sys; from pathlib import Path; from attribase.query.report import write_report;"
        "assert 'matplotlib' not in sys.modules; write_report(sys.argv[1], Path(sys.argv[2]));"
        "assert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, evaluated.uri, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
