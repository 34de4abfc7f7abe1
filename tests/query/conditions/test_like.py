"""Patterns of LIKE, against a matcher that follows its definition."""

import duckdb
import pytest
from attribase.query.conditions.like import plain_pattern, regular_expression, split_pattern
from hypothesis import given
from hypothesis import strategies as st

LETTERS = st.text("ab%_\\é.*", max_size=6)


def matches(text: str, pattern: str, escape: str | None) -> bool:
    """LIKE by its definition, a character at a time."""
    if not pattern:
        return not text
    if pattern[0] == escape:
        return text[:1] == pattern[1] and matches(text[1:], pattern[2:], escape)
    if pattern[0] == "%":
        return any(matches(text[start:], pattern[1:], escape) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and matches(text[1:], pattern[1:], escape)


@given(LETTERS, LETTERS, st.sampled_from([None, "\\"]))
def test_a_pattern_matches_what_like_matches(text, pattern, escape):
    try:
        parts = split_pattern(pattern, escape)
    except ValueError:
        assert pattern.endswith("\\")
        return
    expression = regular_expression(parts)
    ((found,),) = duckdb.execute("select regexp_full_match($1, $2)", [text, expression]).fetchall()
    assert found == matches(text, pattern, escape)
    plain = plain_pattern(parts)
    if plain is not None:
        assert duckdb.execute("select $1 like $2", [text, plain]).fetchall() == [(found,)]


def test_only_single_wildcards_and_escapes_need_an_expression():
    assert plain_pattern(split_pattern("%a%%b", None)) == "%a%b"
    assert plain_pattern(split_pattern("a_", None)) is None
    assert plain_pattern(split_pattern("a!%", "!")) is None


def test_an_escape_is_one_character_with_something_after_it():
    with pytest.raises(ValueError, match="one character"):
        split_pattern("a", "!!")
    with pytest.raises(ValueError, match="ends in its escape"):
        split_pattern("a!", "!")
