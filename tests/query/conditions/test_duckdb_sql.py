"""Conditions as DuckDB evaluates them, against an evaluation of the same tree in Python."""

from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from attribase.query.conditions.duckdb_sql import DuckDBWriter, write_value
from attribase.query.conditions.tree import (
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
)
from hypothesis import given, settings
from hypothesis import strategies as st

ROWS = pa.table(
    {
        "place": range(8),
        "n": pa.array([0, 1, 2, -3, None, 7, 1, 100], pa.int64()),
        "m": pa.array([1, None, 2, 5, 0, 7, -1, 3], pa.int64()),
        "s": ["a", "b", "", None, "it's", "Ab%", "é_\\", "ab"],
        "t": ["ab", None, "b", "a", "", "Ab%", "_", "é"],
        "b": [True, False, None, True, None, False, True, False],
    }
)

INTS = st.deferred(
    lambda: st.one_of(
        st.sampled_from([Column("n"), Column("m")]),
        st.builds(Literal, st.one_of(st.integers(-5, 10), st.none())),
        st.builds(Arithmetic, st.sampled_from("+-*"), INTS, INTS),
        st.builds(Negative, INTS),
        st.builds(lambda one: Call("abs", (one,)), INTS),
        st.builds(lambda one: Call("length", (one,)), TEXTS),
        st.builds(lambda one, two: Call("nullif", (one, two)), INTS, INTS),
        st.builds(lambda one, two: Call("coalesce", (one, two)), INTS, INTS),
        st.builds(lambda test, one, two: Case(None, ((test, one),), two), TESTS, INTS, INTS),
    )
)
TEXTS = st.deferred(
    lambda: st.one_of(
        st.sampled_from([Column("s"), Column("t")]),
        st.builds(Literal, st.one_of(st.text("abé%_'\\\"$", max_size=3), st.none())),
        st.builds(lambda one, two: Arithmetic("||", one, two), TEXTS, TEXTS),
        st.builds(lambda one: Call("upper", (one,)), TEXTS),
        st.builds(lambda one, two: Call("left", (one, Literal(two))), TEXTS, st.integers(0, 3)),
        st.builds(lambda one: Cast(one, "VARCHAR"), INTS),
    )
)
PATTERNS = st.lists(
    st.one_of(st.none(), st.integers(1, 2), st.text("abAé%_'", min_size=1, max_size=2)), max_size=3
)
TESTS = st.deferred(
    lambda: st.one_of(
        st.just(Column("b")),
        st.builds(Literal, st.sampled_from([True, False, None])),
        st.builds(Comparison, COMPARISONS, INTS, INTS),
        st.builds(Comparison, COMPARISONS, TEXTS, TEXTS),
        st.builds(Not, TESTS),
        st.builds(Is, TESTS, st.sampled_from([None, True, False]), st.booleans()),
        st.builds(Is, TEXTS, st.none(), st.booleans()),
        st.builds(Between, INTS, INTS, INTS, st.booleans()),
        st.builds(Like, TEXTS, PATTERNS.map(tuple), st.booleans(), st.booleans()),
        st.builds(In, INTS, INT_LISTS, st.just(()), st.booleans()),
        st.builds(In, TEXTS, st.just(("a",)), st.lists(TEXTS, max_size=2).map(tuple), st.booleans()),
        st.builds(Logic, st.sampled_from(["and", "or"]), st.lists(TESTS, min_size=2, max_size=3).map(tuple)),
    )
)
INT_LISTS = st.one_of(
    st.lists(st.one_of(st.integers(-3, 9), st.none()), min_size=1, max_size=4).map(tuple),
)
COMPARISONS = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from"])


def value(node: Node, row: dict) -> object:
    """The value of an expression in a row, by SQL's three values."""
    match node:
        case Column(name):
            return row[name]
        case Literal(constant):
            return constant
        case Logic(operator, terms):
            values = [value(term, row) for term in terms]
            decisive = operator == "or"
            if decisive in [one for one in values if one is not None]:
                return decisive
            return None if None in values else not decisive
        case Is(operand, wanted, negated):
            return (value(operand, row) is wanted) != negated
        case Case(_, ((test, then),), otherwise):
            return value(then if value(test, row) is True else otherwise, row)
        case Call("coalesce", arguments):
            return next((one for one in (value(part, row) for part in arguments) if one is not None), None)
        case Call("nullif", (one, two)):
            first = value(one, row)
            return None if first is not None and first == value(two, row) else first
        case In(operand, constants, others, negated):
            items = [*constants, *(value(part, row) for part in others)]
            found = value(operand, row)
            if found is None or (found not in items and None in items):
                return None
            return (found in items) != negated
        case Between(operand, low, high, negated):
            bounds = (Comparison(">=", operand, low), Comparison("<=", operand, high))
            both = value(Logic("and", bounds), row)
            return None if both is None else both != negated
        case Comparison("is distinct from", left, right):
            return value(left, row) != value(right, row)
        case Comparison("is not distinct from", left, right):
            return value(left, row) == value(right, row)
    values = [value(part, row) for part in node.parts]
    return None if None in values else strict(node, values)


def strict(node: Node, values: list) -> object:
    """The value of an expression that is null where a part is."""
    one, two = values[0], values[-1]
    match node:
        case Comparison(operator):
            left, right = (part.encode() if isinstance(part, str) else part for part in (one, two))
            return {
                "=": left == right,
                "<>": left != right,
                "<": left < right,
                "<=": left <= right,
                ">": left > right,
                ">=": left >= right,
            }[operator]
        case Not():
            return not one
        case Negative():
            return -one
        case Arithmetic(operator):
            return one * two if operator == "*" else one - two if operator == "-" else one + two
        case Call(name):
            return {"abs": abs, "length": len, "upper": str.upper, "left": lambda text: text[:two]}[name](one)
        case Cast():
            return str(one)
        case Like(_, pattern, fold_case, negated):
            fold = str.lower if fold_case else str
            parts = [fold(part) if isinstance(part, str) else part for part in pattern]
            return like(fold(one), parts) != negated
    raise AssertionError(node)


def like(text: str, pattern: list) -> bool:
    if not pattern:
        return not text
    part, *rest = pattern
    if part is None:
        return any(like(text[start:], rest) for start in range(len(text) + 1))
    if isinstance(part, int):
        return len(text) >= part and like(text[part:], rest)
    return text.startswith(part) and like(text[len(part) :], rest)


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as con:
        con.from_arrow(ROWS).create("rows")
        yield con


@settings(max_examples=100, deadline=None)
@given(TESTS)
def test_duckdb_evaluates_a_written_tree_as_python_does(con, tree):
    wanted = [row["place"] for row in ROWS.to_pylist() if value(tree, row) is True]
    where = DuckDBWriter({name: name for name in ROWS.column_names}).write(tree)
    found = con.execute(f"select place from rows where {where} order by place").fetchall()
    assert [place for (place,) in found] == wanted


def test_constants_are_written_as_they_are(con):
    for constant in ("it's", "\\", '"', "é\n", 0, -7, 2**63, 2.5, -1e-300, Decimal("-0.10"), True, None):
        ((found,),) = con.execute(f"select {write_value(constant)}").fetchall()
        assert found == constant


def test_long_lists_become_tables():
    writer = DuckDBWriter({"n": "n"})
    assert (
        writer.write(In(Column("n"), tuple(range(200)), (), False)) == '("n" IN (SELECT item FROM "list 0"))'
    )
    assert writer.lists["list 0"].to_pylist() == list(range(200))
    assert "list" not in writer.write(In(Column("n"), (*range(200), None), (), False))
