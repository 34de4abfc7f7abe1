"""Every command line of the README and the documentation is one that the program takes."""

import re
import shlex
from pathlib import Path

import click
import pytest
from attribase.cli import cli

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]
MISSING = re.compile("does not exist|No such file")
"""What the program says of a file that the reader has and the tests have not."""

ENDS = ("|", ">", ">>", "<", "&&", "||", ";", "&")
"""Words at which the shell ends a command, or sends its output elsewhere."""


def lines(page):
    """The command lines of the blocks of a page, fenced or indented, joined where they end in a backslash."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    fenced = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    found = [line.removeprefix("$ ") for block in fenced for line in block.splitlines()]
    found += [line[4:] for line in rest.splitlines() if line.startswith("    attribase ")]
    return [line for line in found if line.startswith("attribase ")]


def parse(words):
    """Parse as the program does, down to the last subcommand, without running it."""
    context = cli.make_context("attribase", list(words))
    while isinstance(context.command, click.Group):
        left = [*context._protected_args, *context.args]
        name, command, left = context.command.resolve_command(context, left)
        context = command.make_context(name, left, parent=context)


@pytest.mark.parametrize(("page", "line"), [(page, line) for page in PAGES for line in lines(page)])
def test_a_command_line_is_parsed_by_the_program(page, line):
    words = shlex.split(line, comments=True)
    end = next((at for at, word in enumerate(words) if word in ENDS), len(words))
    try:
        parse(words[1:end])
    except click.BadParameter as error:
        if not MISSING.search(str(error)):
            raise AssertionError(f"{page}: {line}") from error


@pytest.mark.parametrize(
    "line",
    ["attribase query atribute a.png", "attribase query attribute a.png --bye creator", "attribase ask"],
)
def test_a_wrong_command_line_would_be_found(line):
    with pytest.raises(click.UsageError):
        parse(shlex.split(line)[1:])


def test_most_pages_have_command_lines():
    assert sum(bool(lines(page)) for page in PAGES) >= 15
