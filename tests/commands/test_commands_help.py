"""The rendered help of every command and group, as a terminal of 80 columns shows it."""

import re

import click
import pytest
from attribase.cli import cli
from click.testing import CliRunner

WIDTH = 80
EXAMPLE_WIDTH = 100
"""An example is one line, so that it can be copied."""


def walk(command, path=()):
    """(path, command) of every command and group."""
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from walk(child, (*path, name))


COMMANDS = dict(walk(cli))


@pytest.fixture(params=COMMANDS, ids=lambda path: " ".join(path) or "attribase")
def path(request):
    return request.param


@pytest.fixture
def lines(path):
    result = CliRunner().invoke(cli, [*path, "--help"], prog_name="attribase")
    assert result.exit_code == 0
    return result.output.splitlines()


def test_no_escape_is_shown(lines):
    assert not [line for line in lines if "\\b" in line or "\b" in line]


def test_nothing_is_cut_off(lines):
    assert not [line for line in lines if line.endswith("...") and not line.startswith("Usage:")]


def test_lines_fit_a_terminal(lines):
    long = [line for line in lines if len(line) > (EXAMPLE_WIDTH if "attribase " in line else WIDTH)]
    assert long == []


def test_examples_keep_their_lines(path, lines):
    written = [line.strip() for line in COMMANDS[path].help.splitlines()]
    examples = [line for line in written if re.match(r"(Example: )?attribase ", line)]
    assert examples
    assert examples[0].startswith("Example: ")
    assert [line.strip() for line in lines if line.strip() in examples] == examples


def test_every_option_says_what_it_does(path):
    options = [one for one in COMMANDS[path].params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []


def test_a_group_lists_its_commands_with_their_first_sentence(path, lines):
    command = COMMANDS[path]
    if not isinstance(command, click.Group):
        pytest.skip("no group")
    text = " ".join(" ".join(lines).split())
    for name, child in command.commands.items():
        sentence = " ".join(child.help.split("\n\n")[0].split()).partition(". ")[0].rstrip(".")
        assert f"{name} {sentence}" in text
