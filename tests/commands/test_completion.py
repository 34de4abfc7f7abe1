"""`attribase completion`: the script of each shell, installed once; and what it is asked for completes."""

import pytest
from attribase.cli import cli
from attribase.commands.completion import MARK, SHELLS
from click.testing import CliRunner


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_its_script_once(home, shell):
    file = home / SHELLS[shell]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("export MINE=1")
    shown = CliRunner().invoke(cli, ["completion", shell])
    assert "_ATTRIBASE_COMPLETE" in shown.stdout
    for _ in range(2):
        assert CliRunner().invoke(cli, ["completion", shell, "--install"]).exit_code == 0
        text = file.read_text()
        assert text.count(f"{MARK}\n") == 1
        assert shown.stdout.strip() in text
    assert ("export MINE=1\n" in text) == (shell != "fish")


def test_the_shell_that_runs_is_the_default_and_another_is_refused(home, monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/zsh")
    assert "compdef" in CliRunner().invoke(cli, ["completion"]).stdout
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    refused = CliRunner().invoke(cli, ["completion", "--install"])
    assert (refused.exit_code, list(home.iterdir())) == (1, [])
    assert "no completion for the shell 'tcsh'" in refused.stderr


def test_commands_complete():
    environment = {"_ATTRIBASE_COMPLETE": "bash_complete", "COMP_WORDS": "attribase qu", "COMP_CWORD": "1"}
    asked = {"prog_name": "attribase", "complete_var": "_ATTRIBASE_COMPLETE", "env": environment}
    assert CliRunner().invoke(cli, [], **asked).stdout.split() == ["plain,query"]
