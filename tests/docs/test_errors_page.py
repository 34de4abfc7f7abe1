"""docs/errors.md: its classes are the error tree, and each message it quotes is one that the code raises."""

import ast
import re
from pathlib import Path

import pytest
from attribase.store import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
PACKAGES = ("commands", "ingest", "query", "runtime", "store", "study", "train")


def tree(kind=errors.AttribaseError):
    """The class and all below it."""
    return [kind, *(found for below in kind.__subclasses__() for found in tree(below))]


def rows(columns):
    """The cells of every table row of the page that has so many columns, without headers."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [found for found in cells if len(found) == columns]


def test_the_table_of_classes_is_the_error_tree():
    ours = {kind.__name__: kind.status for kind in tree() if kind.__module__ == errors.__name__}
    assert {name.strip("`"): int(status) for name, status, _, _ in rows(4)} == ours


def test_the_docstring_draws_every_class_with_its_status_and_exit():
    drawn = re.findall(r"(\w+Error) +(\d{3})   ([1-])  +(.+)", errors.__doc__)
    assert [(f"`{name}`", status, code, what) for name, status, code, what in drawn] == [
        tuple(row) for row in rows(4)
    ]


def template(node):
    """A pattern for the text that an expression makes: literal parts as they are, anything for the others."""
    if isinstance(node, ast.Constant):
        return re.escape(str(node.value))
    if isinstance(node, ast.JoinedStr):
        return "".join(template(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return template(node.left) + template(node.right)
    if isinstance(node, ast.IfExp):
        return f"(?:{template(node.body)}|{template(node.orelse)})"
    if isinstance(node, ast.FormattedValue):
        inner = node.value
        return template(inner) if isinstance(inner, ast.IfExp | ast.JoinedStr) else ".*"
    return ".*"


@pytest.fixture(scope="module")
def raised():
    """A pattern for the message of every error that the package makes."""
    names = {kind.__name__ for kind in tree()}
    patterns = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and node.args
                    and ast.unparse(node.func).split(".")[-1] in names
                ):
                    patterns.add(template(node.args[0]))
    return [re.compile(text) for text in patterns if re.search(r"\w{3}", text.replace(".*", ""))]


@pytest.mark.parametrize("message", [message.strip("`") for message, _, _ in rows(3)])
def test_every_message_of_the_page_is_raised_by_the_code(message, raised):
    assert any(pattern.fullmatch(message) for pattern in raised)
