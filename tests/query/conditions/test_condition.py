"""Parsing of conditions: what is accepted, what is refused, and that no text breaks it."""

import pytest
from attribase.query.conditions import language, parse_condition
from attribase.query.conditions.condition import nodes
from attribase.query.conditions.tree import Arithmetic, Column, Comparison, Literal, Logic, Not
from attribase.store.errors import InvalidInputError
from hypothesis import given
from hypothesis import strategies as st

TOO_LARGE = {
    "sum": "+".join("1" * 4900) + " = 1",
    "is null": "x" + " is null" * 600,
    "concatenation": "||".join("a" * 4900) + " = 'a'",
    "equal": "x" + " = true" * 600,
    "is true": "x" + " is true" * 600,
    "not": "not " * 2400 + "x",
    "parentheses": "(" * 4000 + "x" + ")" * 4000,
    "signs": "- " * 4000 + "1 = 1",
    "case": "case when x then " * 500 + "1" + " end" * 500 + " = 1",
    "between": "x" + " between false and true" * 400,
    "in": "x" + " in (true)" * 900,
    "like": "x" + " like 'a'" * 900,
    "and": " and ".join(["x"] * 4000),
    "or": "true or " * 5000 + "true",
    "calls": "abs(" * 1500 + "1" + ")" * 1500 + " = 1",
    "casts": "x" + "::int" * 1500 + " = 1",
    "places": "x" + "[1]" * 1500 + " = 1",
    "json": "x" + " -> 'a'" * 1500 + " = 1",
    "power": "2" + "^1" * 1500 + " = 1",
    "coalesce": "coalesce(" * 31 + "x" + ", 1)" * 31 + " = 1",
    "nullif": "nullif(" * 5 + "x" + ", 1)" * 5 + " = 1",
    "case of case": "case " * 5 + "x" + " when 1 then 2 end" * 5 + " = 1",
    "in of in": "((((x in (y)) in (y)) in (y)) in (y))",
    "arguments": f"concat({', '.join(['x'] * 101)}) = 'a'",
    "parts": " or ".join(f"width = {n}" for n in range(600)),
    "lists": "[" * 500 + "1" + "]" * 500 + " = x",
    "comments": "/*" * 5000,
    "quotes": "'" * 9999,
    "dollars": "$$" * 4999,
    "long number": "1" * 9000,
}

GROWING = [
    "`repeat`('a', 10000000000) = 'x'",
    "`repeat`('a', 10000000000)",
    "\"repeat\"('a', 10000000000) = 'x'",
    "repeat('a', 10) = 'x'",
    "lpad(x, 1000000000, 'a') = 'x'",
    "rpad(x, 1000000000, 'a') = 'x'",
    "range(1000000000) is null",
    "replace(x, 'a', 'aaaa') = 'x'",
    "replace(x, y, z) = 'x'",
    "concat_ws(x, 'a', 'b') = 'x'",
    "regexp_replace(x, 'a', 'aaaa', 'g') = 'x'",
    "regexp_matches(x, y)",
    "x ~ y",
    "x like y",
    "x -> y = '1'",
    "x ->> '$.*' = '1'",
    "json_extract(x, '$**') is null",
    "format('{:1000000000}', x) = 'x'",
    "printf('%1000000000d', 1) = 'x'",
    "bar(x, 0, 1, 1000000000) = 'x'",
    "x ~~~ 'a'",
    "x glob '*a*a*a*b'",
    " or ".join(["lower(x) = 'a'"] * 101),
    "levenshtein(x, y) = 1 or levenshtein(y, x) = 1 or levenshtein(x, x) = 1",
]


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_what_exceeds_a_bound_is_refused_in_one_line(kind):
    with pytest.raises(InvalidInputError) as raised:
        parse_condition(TOO_LARGE[kind])
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500
    assert raised.value.hint


@pytest.mark.parametrize("text", GROWING, ids=lambda text: text[:40])
def test_what_may_make_values_of_any_size_or_take_any_time_is_refused(text):
    with pytest.raises(InvalidInputError, match="cannot be used"):
        parse_condition(text)


def test_conditions_up_to_the_bounds_are_accepted():
    assert parse_condition("not " * (language.MAX_DEPTH - 1) + "x").tree.depth == language.MAX_DEPTH
    assert len(parse_condition(" or ".join(["x"] * (language.MAX_PARTS - 1))).tree.terms) == 1499
    ids = [f"{n:064x}" for n in range(100_000)]
    found = parse_condition(f"image_id in ({', '.join(map(repr, ids))})").tree
    assert found.values == tuple(ids)


def test_operators_bind_as_in_sql():
    x, one = Column("x"), Literal(1)
    assert parse_condition("not x = 1 and x or x").tree == Logic(
        "or", (Logic("and", (Not(Comparison("=", x, one)), x)), x)
    )
    assert parse_condition("x + 1 * 1 = 1").tree.left == Arithmetic("+", x, Arithmetic("*", one, one))
    assert parse_condition("x ->> 'a' = 'b'").tree == Comparison(
        "=", Arithmetic("->>", x, Literal("a")), Literal("b")
    )


def test_quoted_names_are_columns_or_text():
    assert parse_condition('"Width" = 1').columns == {"width"}
    assert parse_condition("`select` = 1").columns == {"select"}
    assert parse_condition('creator = "x"', quoted_is_text=True).tree.right == Literal("x")
    with pytest.raises(InvalidInputError, match="a function is named in quotes"):
        parse_condition("\"lower\"('A') = 'a'")


def test_columns_are_named_in_any_case():
    condition = parse_condition("WIDTH = 1 and Creator = 'x' or lower(Width) = \"height\"")
    assert condition.columns == {"width", "creator", "height"}
    condition.check_columns(["width", "height", "creator"])
    with pytest.raises(InvalidInputError, match="there is no column height"):
        condition.check_columns(["width", "creator"])


def test_an_error_names_the_function_and_where_the_list_is():
    with pytest.raises(InvalidInputError, match="the function reverse is not allowed") as raised:
        parse_condition("reverse(creator) = 'x'")
    assert "lower" in raised.value.hint
    assert "docs/sql.md" in raised.value.hint


WORD_LIST = """
x `y` "z" 1 2.5 1e3 'a' E'\\' $$b$$ ( ) [ ] , + - * / // % ^ ** || -> ->> = <> < >= ~ !~ ^@ :: int and or
not is null true false in between like ilike escape similar to distinct from case when then else end cast(
as try_cast( lower( nullif( date extract( year position( -- /* */ é ; $1 ?
"""
WORDS = st.sampled_from([*WORD_LIST.split(), "\0", "\ud83d"])


@given(st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=60).map(" ".join)))
def test_any_text_is_a_condition_or_an_error_with_a_reason(text):
    reason = ""
    try:
        found = parse_condition(text)
        assert all(node.depth <= language.MAX_DEPTH for node in nodes(found.tree))
    except InvalidInputError as error:
        reason = f"{error} {error.hint}"
        assert error.hint  # noqa: PT017
    assert "\0" not in reason or "\0" in text
    reason.encode()
