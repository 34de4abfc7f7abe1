"""`attribase rights set` and `log`, `query owners` and `query summary`."""

import json
from datetime import UTC, datetime

import pytest
from attribase.cli import cli
from attribase.commands.owners import month_range
from attribase.store import InvalidInputError
from click.testing import CliRunner


@pytest.fixture
def attribase(small):
    """The command, on a small calibrated store."""
    small.calibrate(0.3, 0.01)

    def run(*arguments, stdin=None):
        return CliRunner().invoke(cli, ["-s", small.store.uri, *map(str, arguments)], input=stdin)

    return run


def test_rights_are_set_by_condition_by_list_and_by_name_and_the_log_says_who(attribase, small):
    done = attribase(
        *("rights", "set", "--where", "creator = 'c1'", "--reservation", "opt-out"),
        *("--by", "legal", "--note", "letter"),
    )
    count = small.store.count("images", "creator = 'c1'")
    assert done.exit_code == 0, done.stderr
    assert f"changed: {count} of {count} images: reservation {count}" in done.stderr
    again = attribase(
        "rights", "set", "--ids", "-", "--clear", "reservation", "--by", "me", stdin="g001\nno\n"
    )
    assert "not in the store: 1 of the ids or uris, the first is no" in again.stderr
    assert "changed: 1 of 1 images" in again.stderr
    log = json.loads(attribase("rights", "log", "g001", "file:g001", "--format", "json").stdout)
    assert [(row["number"], row["old"], row["new"], row["origin"], row["note"]) for row in log] == [
        (1, None, "opt-out", "legal", "letter"),
        (2, "opt-out", None, "me", None),
    ]
    assert len(json.loads(attribase("rights", "log", "--format", "json").stdout)) == count + 1
    dry = attribase("rights", "set", "g002", "--holder", "Ada Ltd", "--dry-run")
    assert "would be changed: 1 of 1 images: rights_holder 1" in dry.stderr
    assert small.store.count("images", "rights_holder is not null") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["g001"], "nothing says what to set"),
        (["g001", "--source", "a", "--clear", "source"], "both set and cleared"),
        (["g001", "--source", " "], "source is blank"),
        (["--source", "a"], "nothing says which images"),
        (["nobody", "--source", "a"], "no image matches"),
        (["--where", "creator = 'nobody'", "--source", "a"], "no image matches"),
        (["--where", "shoe = 3", "--source", "a"], "images cannot be selected"),
    ],
)
def test_what_cannot_be_set_says_why(attribase, small, arguments, said):
    done = attribase("rights", "set", *arguments)
    assert done.exit_code == 1
    assert said in done.stderr
    assert small.store.count("rights_log") == 0


def test_owners_of_all_samples_are_rows_a_page_and_a_sentence(attribase, small, tmp_path):
    attribase("rights", "set", "--where", "creator = 'c0'", "--reservation", "tdm")
    page = tmp_path / "usage.html"
    done = attribase("query", "owners", "--by", "reservation", "--html", page, "--format", "json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert set(rows) == {None, "tdm"}
    assert f"{small.store.count('samples')} samples of 7 models" in done.stderr
    share = f"{rows['tdm']['influence']:.1%}"
    assert f"{share} (" in done.stderr
    text = page.read_text(encoding="utf-8")
    assert "of the influence is of images with a reservation" in text
    assert "tdm: text and data mining is reserved" in text
    assert ("not known" in text, "<script" in text) == (True, False)
    none = attribase("query", "owners", "--month", "last")
    assert none.exit_code == 1
    assert "nothing says when they were generated" in none.stderr
    one = json.loads(attribase("query", "owners", "m1-s0", "-k", "1", "--format", "json").stdout)
    assert len(one) == 1


def test_months_are_whole_and_the_last_one_may_be_of_another_year():
    january = datetime(2027, 1, 15, tzinfo=UTC)
    assert month_range("last", january) == (datetime(2026, 12, 1), datetime(2027, 1, 1))
    assert month_range("2026-11", january) == (datetime(2026, 11, 1), datetime(2026, 12, 1))
    with pytest.raises(InvalidInputError, match="no month"):
        month_range("November", january)


def test_a_summary_is_a_page_a_file_of_json_or_json_on_stdout(attribase, tmp_path):
    page, file = tmp_path / "summary.html", tmp_path / "summary.json"
    done = attribase("query", "summary", "-o", page, "--provider", "Example Ltd")
    assert done.exit_code == 0, done.stderr
    assert "nothing says the kind of these sources (--kinds FILE): (none)" in done.stderr
    assert "Example Ltd" in page.read_text(encoding="utf-8")
    attribase("query", "summary", "-o", file)
    written, printed = json.loads(file.read_text()), json.loads(attribase("query", "summary").stdout)
    assert written["1 general information"] == printed["1 general information"]
    assert printed["1 general information"]["1.3 modalities and size"]["image"]["images"] == 226
    refused = attribase("query", "summary", "-o", tmp_path / "summary.docx")
    assert (refused.exit_code, "end the name in .html or .json" in refused.stderr) == (1, True)
