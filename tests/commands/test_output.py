"""Where rows go: formats by ending, and what is refused before any work is done."""

import pytest
from attribase.commands.output import BINARY, NAMES, Output
from attribase.query.sql import formats
from attribase.store import InvalidInputError


def test_the_formats_are_those_of_the_package():
    assert NAMES == formats.FORMATS
    assert BINARY == formats.BINARY


def test_the_ending_names_the_format_unless_one_is_given(tmp_path):
    assert Output.choose(None, tmp_path / "a.xlsx").fmt == "xlsx"
    assert Output.choose("csv", tmp_path / "a.csv").fmt == "csv"
    assert Output.choose("parquet", tmp_path / "a.data").fmt == "parquet"
    assert Output.choose("json", tmp_path / "rows").fmt == "json"
    assert (Output.choose(None, None).fmt, Output.choose("json", None).fmt) == ("table", "json")


def test_a_file_that_would_be_something_else_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match=r"a.xlsx would hold table, and its ending says xlsx"):
        Output.choose("table", tmp_path / "a.xlsx")
    for name in ("a.foo", "rows"):
        with pytest.raises(InvalidInputError, match="names no format"):
            Output.choose(None, tmp_path / name)
    with pytest.raises(InvalidInputError, match="there is no folder"):
        Output.choose(None, tmp_path / "nowhere" / "a.csv")


def test_a_table_has_the_width_of_the_terminal_unless_it_is_wide(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "77")
    assert Output("table").width is None  # no terminal here
    monkeypatch.setattr("attribase.commands.output.stdout_is_terminal", lambda: True)
    assert Output("table").width == 77
    assert Output("table", wide=True).width is None
    assert Output("table", tmp_path / "a.txt").width is None
