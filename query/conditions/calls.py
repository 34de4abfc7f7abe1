"""What calls of a condition must have: a known name, so many arguments, constants in some places."""

from __future__ import annotations

from collections.abc import Sequence

from . import language
from .language import FUNCTIONS, invalid_condition
from .tree import Literal, Node

JSON_WILDCARD = "*"


def check_call(text: str, name: str, arguments: Sequence[Node]) -> None:
    """Raise InvalidInputError unless the condition `text` may call `name` with these arguments."""
    function = FUNCTIONS.get(name)
    if function is None:
        hint = f"{language.FUNCTIONS_HINT} (docs/sql.md)"
        raise invalid_condition(text, f"the function {name[:100]} is not allowed", hint)
    if not function.least <= len(arguments) <= function.most:
        most = "" if function.most == function.least else f" to {function.most}"
        raise invalid_condition(text, f"{name} takes {function.least}{most} arguments, not {len(arguments)}")
    for place in function.literals:
        if place < len(arguments) and not isinstance(arguments[place], Literal):
            raise invalid_condition(text, f"argument {place + 1} of {name} is no constant")
    if name in language.JSON_PATHS and len(arguments) > 1:
        _check_json_path(text, arguments[1])
    if name == "replace":
        old, new = (str(one.value) for one in arguments[1:] if isinstance(one, Literal))
        if len(new) > len(old):
            raise invalid_condition(text, "replace would make longer text", "give no longer replacement")


def check_operator(text: str, operator: str, right: Node) -> None:
    """Raise InvalidInputError where the right side of an operator has to be a constant and is none."""
    if operator not in language.LITERAL_RIGHT:
        return
    if not isinstance(right, Literal):
        raise invalid_condition(text, f"the right side of {operator} is no constant")
    if operator.startswith("->"):
        _check_json_path(text, right)


def _check_json_path(text: str, path: Node) -> None:
    """A path with wildcards has many values, which may repeat each other."""
    if isinstance(path, Literal) and JSON_WILDCARD in str(path.value):
        raise invalid_condition(text, "a path of JSON has a wildcard", "name one value: metadata ->> 'key'")
