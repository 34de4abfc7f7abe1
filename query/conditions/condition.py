"""A parsed condition, and the columns that it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ...store.errors import InvalidInputError
from .language import FUNCTIONS, MAX_CHARACTERS, MAX_WEIGHT, TEXT_OPERATORS, invalid_condition, too_large
from .parser import Parser
from .tokens import check_text, tokenize
from .tree import Arithmetic, Call, Cast, Column, Like, Node


@dataclass(frozen=True)
class Condition:
    """One expression of the language of conditions, within its bounds."""

    text: str
    tree: Node

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns that it names, in lower case."""
        return frozenset(node.name for node in nodes(self.tree) if isinstance(node, Column))

    @cached_property
    def weight(self) -> int:
        """How many operations make new text; those that take long count more."""
        return sum(_weight(node) for node in nodes(self.tree))

    def check_columns(self, names: Iterable[str]) -> None:
        """Raise InvalidInputError for a column that is not among `names`."""
        known = {name.lower(): name for name in names}
        for name in sorted(self.columns - known.keys()):
            hint = f"there are {', '.join(known.values())}; text is written in single quotes"
            raise invalid_condition(self.text, f"there is no column {name[:100]}", hint)

    def invalid(self, reason: str) -> InvalidInputError:
        """The error of this condition where it fails on the data."""
        return invalid_condition(self.text, reason)


def parse_condition(text: str, *, quoted_is_text: bool = False) -> Condition:
    """Parse `text`. No engine sees it, and nothing is evaluated.

    Args:
        text: one expression of columns, constants, operators and allowed functions.
        quoted_is_text: "x" in double quotes is text, as Lance reads it, not a column.

    Raises:
        InvalidInputError: what is no such expression, or exceeds a bound of `language`.
    """
    if len(text) > MAX_CHARACTERS:
        raise too_large(text, f"it has more than {MAX_CHARACTERS:,} characters")
    check_text(text, text)
    tokens = tokenize(text)
    if len(tokens) == 1:
        raise invalid_condition(text, "it is empty")
    found = Condition(text, Parser(text, tokens, quoted_is_text).parse())
    if found.weight > MAX_WEIGHT:
        raise too_large(text, f"more than {MAX_WEIGHT} operations make new text (levenshtein counts as 50)")
    return found


def nodes(tree: Node) -> Iterator[Node]:
    """Every expression of a tree, without recursion."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(node.parts)


def _weight(node: Node) -> int:
    match node:
        case Call(name):
            return FUNCTIONS[name].weight
        case Arithmetic(operator):
            return int(operator in TEXT_OPERATORS)
        case Like():
            return 1
        case Cast(_, kind):
            return int(kind in ("VARCHAR", "JSON"))
    return 0
