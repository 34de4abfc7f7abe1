"""Tokens of conditions."""

import pytest
from attribase.query.conditions import language
from attribase.query.conditions.tokens import Token, tokenize
from attribase.store.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("'it''s'", Token("text", "it's")),
        ("E'it\\'s\\n\\x41\\u00e9'", Token("text", "it's\nAé")),
        ("e'a''b'", Token("text", "a'b")),
        ("$$it's$$", Token("text", "it's")),
        ('"a""b"', Token("quoted", 'a"b')),
        ("`a``b`", Token("column", "a`b")),
        ("1.5e-3", Token("number", "1.5e-3")),
        (".5", Token("number", ".5")),
        ("größe", Token("name", "größe")),
        ("->>", Token("sign", "->>")),
    ],
)
def test_a_token_has_its_value(text, token):
    assert tokenize(f" {text} -- and a comment\n/* another */")[:-1] == [token]


@pytest.mark.parametrize("text", ["'a", "E'a\\'", '"a', "`a", "/* a", "$$a", "1a", "a;b", "\\", "E'\\ud83d'"])
def test_what_is_no_token_is_refused(text):
    with pytest.raises(InvalidInputError, match="cannot be used"):
        tokenize(text)


def test_the_number_of_tokens_is_bounded(monkeypatch):
    monkeypatch.setattr("attribase.query.conditions.tokens.MAX_TOKENS", 3)
    assert len(tokenize("a b c")) == 4
    with pytest.raises(InvalidInputError, match="more than 3 words"):
        tokenize("a b c d")
    assert language.MAX_TOKENS == 500_000
