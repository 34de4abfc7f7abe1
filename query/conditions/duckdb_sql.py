"""A condition in DuckDB's SQL, written from its tree."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pyarrow as pa

from ...store.lookup import quote
from .language import FUNCTIONS
from .like import plain_pattern, regular_expression
from .tree import (
    Arithmetic,
    Between,
    Call,
    Case,
    Cast,
    Column,
    Comparison,
    In,
    Is,
    Like,
    Literal,
    Logic,
    Negative,
    Node,
    Not,
    Value,
)

LONG_LIST = 100
"""Constants of an `in` list above which they are a table: planning a list takes longer."""

CALLED = {
    "~": "regexp_full_match({}, {})",
    "!~": "(NOT regexp_full_match({}, {}))",
    "^@": "starts_with({}, {})",
}
"""Operators that are written as calls."""


class DuckDBWriter:
    """Writes one condition.

    Attributes:
        lists: the values of long `in` lists, by the name of the table that each must be.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        """`names`: of each column, by its name in lower case, as it is in the data."""
        self._names = names
        self.lists: dict[str, pa.Array] = {}

    def write(self, node: Node) -> str:
        """An expression and its parts, in parentheses. Its depth is bounded, so this may recurse."""
        match node:
            case Column(name):
                return '"' + self._names[name].replace('"', '""') + '"'
            case Literal(value):
                return write_value(value)
            case Comparison(operator, left, right) | Arithmetic(operator, left, right):
                return self._operation(operator, self.write(left), self.write(right))
            case Logic(operator, terms):
                return f"({f' {operator.upper()} '.join(self.write(term) for term in terms)})"
            case Not(operand):
                return f"(NOT {self.write(operand)})"
            case Negative(operand):
                return f"(- {self.write(operand)})"
            case Is(operand, value, negated):
                return f"({self.write(operand)} IS {'NOT ' * negated}{write_value(value)})"
            case In():
                return self._in(node)
            case Between(operand, low, high, negated):
                bounds = f"{self.write(low)} AND {self.write(high)}"
                return f"({self.write(operand)} {'NOT ' * negated}BETWEEN {bounds})"
            case Like():
                return self._like(node)
            case Cast(operand, kind, lenient):
                return f"{'TRY_' * lenient}CAST({self.write(operand)} AS {kind})"
            case Call(name, arguments):
                return f"{FUNCTIONS[name].name}({', '.join(self.write(one) for one in arguments)})"
            case Case():
                return self._case(node)
        raise AssertionError(f"no part of a condition: {type(node).__name__}")

    def _operation(self, operator: str, left: str, right: str) -> str:
        if operator == "[]":
            return f"{left}[{right}]"
        if operator in CALLED:
            return CALLED[operator].format(left, right)
        return f"({left} {operator.upper()} {right})"

    def _in(self, node: In) -> str:
        operand, negation = self.write(node.operand), "NOT " * node.negated
        others = [self.write(part) for part in node.others]
        if not others and len(node.values) > LONG_LIST and len({type(value) for value in node.values}) == 1:
            kind = type(node.values[0])
            if kind is str or (kind is int and all(-(2**63) <= int(one or 0) < 2**63 for one in node.values)):
                name = f"list {len(self.lists)}"
                self.lists[name] = pa.array(node.values)
                return f'({operand} {negation}IN (SELECT item FROM "{name}"))'  # noqa: S608
        return f"({operand} {negation}IN ({', '.join([*map(write_value, node.values), *others])}))"

    def _like(self, node: Like) -> str:
        operand, pattern = self.write(node.operand), node.pattern
        if node.fold_case:
            operand = f"lower({operand})"
            pattern = tuple(part.lower() if isinstance(part, str) else part for part in pattern)
        plain = plain_pattern(pattern)
        if plain is not None:
            return f"({operand} {'NOT ' * node.negated}LIKE {quote(plain)})"
        return f"({'NOT ' * node.negated}regexp_full_match({operand}, {quote(regular_expression(pattern))}))"

    def _case(self, node: Case) -> str:
        subject = f" {self.write(node.subject)}" if node.subject else ""
        branches = "".join(
            f" WHEN {self.write(when)} THEN {self.write(then)}" for when, then in node.branches
        )
        otherwise = f" ELSE {self.write(node.otherwise)}" if node.otherwise else ""
        return f"(CASE{subject}{branches}{otherwise} END)"


def write_value(value: Value) -> str:
    """A constant in SQL."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case str():
            return quote(value)
        case float():
            return f"CAST('{value!r}' AS DOUBLE)"
        case Decimal() | int():
            return f"({value})" if value < 0 else str(value)
