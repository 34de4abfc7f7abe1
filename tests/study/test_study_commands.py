"""`study run` and `study report` as commands: what they say."""

from attribase.cli import cli
from click.testing import CliRunner


def run(*args):
    return CliRunner().invoke(cli, ["study", *map(str, args)])


def test_a_complete_study_says_that_there_is_nothing_to_do(studied):
    before = studied.store.versions()
    result = run("run", studied.folder.path)
    assert result.exit_code == 0, result.stderr
    assert "nothing to do" in result.stderr
    assert studied.store.versions() == before


def test_the_report_is_written_and_its_page_is_printed(studied):
    result = run("report", studied.folder.path)
    assert result.exit_code == 0, result.stderr
    page = studied.folder.report / "index.html"
    assert result.stdout.strip() == str(page)
    assert "object+style" in page.read_text(encoding="utf-8")


def test_a_report_of_nothing_is_an_error_with_a_next_step(tmp_path):
    result = run("report", tmp_path)
    assert result.exit_code != 0
    assert result.stderr.startswith("error: ")
    assert "attribase study run" in result.stderr


def test_an_unknown_key_of_a_plan_is_an_error_before_anything_is_made(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text('encoder = ["quiet"]\n')
    result = run("run", tmp_path / "new", "--plan", plan)
    assert result.exit_code != 0
    assert "unknown key 'encoder'" in result.stderr
    assert not (tmp_path / "new").exists()
