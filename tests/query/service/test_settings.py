"""Settings of the service: their sources in order, what is printed, and what is refused."""

import tomllib

import pytest
from attribase.cli import cli
from attribase.query.service import ServiceOptions
from attribase.query.service.settings import read_settings, service_options, settings_text
from attribase.store.errors import InvalidInputError
from click.testing import CliRunner


def test_the_command_line_counts_before_the_environment_before_the_file_before_defaults(
    tmp_path, monkeypatch
):
    file = tmp_path / "service.toml"
    file.write_text("workers = 3\nrefresh = 7\nqueries = 11\n")
    monkeypatch.setenv("ATTRIBASE_SERVICE_WORKERS", "4")
    monkeypatch.setenv("ATTRIBASE_SERVICE_REFRESH", "8")
    found = read_settings({"workers": 5}, file)
    assert (found.workers, found.refresh, found.queries, found.rows) == (5, 8.0, 11, ServiceOptions().rows)


def test_defaults_are_those_of_the_options():
    assert service_options(read_settings({})) == ServiceOptions()


def test_what_is_printed_is_a_file_that_gives_the_same_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTRIBASE_SERVICE_MEMORY", "3GB")
    monkeypatch.setenv("ATTRIBASE_SERVICE_HOSTS", '["a.example", "b.example"]')
    settings = read_settings({"workers": 4, "sql_workers": 2})
    monkeypatch.delenv("ATTRIBASE_SERVICE_MEMORY")
    monkeypatch.delenv("ATTRIBASE_SERVICE_HOSTS")
    file = tmp_path / "service.toml"
    file.write_text(settings_text(settings))
    assert read_settings({}, file) == settings
    assert service_options(read_settings({}, file)).hosts == ("a.example", "b.example")


def test_no_token_is_printed(tmp_path):
    (tmp_path / "token").write_text("a-secret-token")
    text = settings_text(read_settings({"token_file": tmp_path / "token"}))
    assert "a-secret-token" not in text
    assert tomllib.loads(text)["token_file"] == str(tmp_path / "token")


@pytest.mark.parametrize("text", ["workers = 'many'", "wokers = 2", "port = 70000", "log_format = 'xml'"])
def test_a_wrong_file_is_one_line_that_names_the_setting(tmp_path, text):
    file = tmp_path / "service.toml"
    file.write_text(text)
    with pytest.raises(InvalidInputError) as caught:
        read_settings({}, file)
    assert text.partition(" ")[0] in str(caught.value)
    assert "--print-config" in caught.value.hint


def test_a_misspelt_variable_is_an_error(monkeypatch):
    monkeypatch.setenv("ATTRIBASE_SERVICE_WOKERS", "2")
    with pytest.raises(InvalidInputError, match="ATTRIBASE_SERVICE_WOKERS"):
        read_settings({})


def test_the_command_prints_what_is_in_effect(monkeypatch):
    monkeypatch.setenv("ATTRIBASE_SERVICE_PORT", "9000")
    result = CliRunner().invoke(cli, ["query", "serve", "--workers", "3", "--print-config"])
    assert result.exit_code == 0, result.output
    printed = tomllib.loads(result.stdout)
    assert (printed["port"], printed["workers"], printed["log_format"]) == (9000, 3, "text")


@pytest.mark.parametrize("values", [{"sql_workers": 3}, {"sql_workers": 0}, {"sql_share": 0.95}])
def test_options_that_contradict_each_other_are_refused(values):
    with pytest.raises(InvalidInputError):
        ServiceOptions(**values)
