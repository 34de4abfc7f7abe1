"""The tree of a condition: what may be in it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cached_property
from typing import TypeAlias

Value: TypeAlias = str | int | float | Decimal | bool | None


@dataclass(frozen=True)
class Node:
    """Base of all expressions."""

    @cached_property
    def parts(self) -> tuple[Node, ...]:
        """The expressions that this one is made of, in the order of its fields."""
        return tuple(_nodes(tuple(getattr(self, field.name) for field in fields(self))))

    @cached_property
    def depth(self) -> int:
        """Levels of expressions, 1 for one without parts."""
        return 1 + max((part.depth for part in self.parts), default=0)

    @property
    def repeated(self) -> Node | None:
        """The part that engines copy when they plan this expression; copies of copies grow exponentially."""
        return None

    @cached_property
    def copies(self) -> int:
        """How many expressions that repeat a part are inside each other."""
        inside = [part.copies + (part is self.repeated) for part in self.parts]
        return max(inside, default=0)


@dataclass(frozen=True)
class Column(Node):
    """A column, by its name in lower case."""

    name: str


@dataclass(frozen=True)
class Literal(Node):
    """A constant."""

    value: Value


@dataclass(frozen=True)
class Comparison(Node):
    """`left operator right`; the operator is one of language.COMPARISONS."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Logic(Node):
    """`and` or `or` of two or more terms."""

    operator: str
    terms: tuple[Node, ...]


@dataclass(frozen=True)
class Not(Node):
    """`not operand`."""

    operand: Node


@dataclass(frozen=True)
class Is(Node):
    """`operand is [not] null`, `true` or `false`."""

    operand: Node
    value: bool | None
    negated: bool


@dataclass(frozen=True)
class In(Node):
    """`operand [not] in (...)`: `values` are its constants, `others` its other expressions."""

    operand: Node
    values: tuple[Value, ...]
    others: tuple[Node, ...]
    negated: bool

    @property
    def repeated(self) -> Node:
        """The operand."""
        return self.operand


@dataclass(frozen=True)
class Between(Node):
    """`operand [not] between low and high`."""

    operand: Node
    low: Node
    high: Node
    negated: bool

    @property
    def repeated(self) -> Node:
        """The operand."""
        return self.operand


@dataclass(frozen=True)
class Like(Node):
    """`operand [not] like pattern`; with `fold_case`, `ilike`.

    The pattern is a sequence of texts and wildcards: None stands for any text, an integer n for n characters.
    """

    operand: Node
    pattern: tuple[str | int | None, ...]
    fold_case: bool
    negated: bool


@dataclass(frozen=True)
class Arithmetic(Node):
    """`left operator right`; the operator is one of language.BINARY."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Negative(Node):
    """`- operand`."""

    operand: Node


@dataclass(frozen=True)
class Call(Node):
    """A function of language.FUNCTIONS."""

    name: str
    arguments: tuple[Node, ...]

    @property
    def repeated(self) -> Node | None:
        """The first argument of `nullif`, which is a case expression to engines."""
        return self.arguments[0] if self.name == "nullif" else None


@dataclass(frozen=True)
class Cast(Node):
    """`cast(operand as kind)`; `lenient`: null instead of an error (`try_cast`)."""

    operand: Node
    kind: str
    lenient: bool = False


@dataclass(frozen=True)
class Case(Node):
    """`case [subject] when .. then .. [else ..] end`."""

    subject: Node | None
    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None

    @property
    def repeated(self) -> Node | None:
        """The subject."""
        return self.subject


def _nodes(values: tuple[object, ...]) -> Iterator[Node]:
    """The expressions among `values`, also those in tuples."""
    for value in values:
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from _nodes(value)
