"""A place in the tokens of a condition, what is taken from there, and the bounds of what is made of it."""

from __future__ import annotations

from collections.abc import Sequence

from ...store.errors import InvalidInputError
from . import language
from .language import invalid_condition, too_large
from .tokens import END, Token
from .tree import Node


class TokenCursor:
    """Takes tokens one by one, and counts the expressions made of them. Errors are InvalidInputError."""

    def __init__(self, text: str, tokens: Sequence[Token], quoted_is_text: bool) -> None:
        self._text, self._tokens, self._quoted_is_text = text, tokens, quoted_is_text
        self._at = self._parts = self._level = 0

    def _made(self, node: Node) -> Node:
        """`node`, counted and within the bounds."""
        self._parts += 1
        if self._parts > language.MAX_PARTS:
            raise too_large(self._text, f"it has more than {language.MAX_PARTS:,} parts")
        if node.depth > language.MAX_DEPTH:
            raise self._too_deep()
        if node.copies > language.MAX_COPIES:
            raise too_large(
                self._text,
                f"more than {language.MAX_COPIES} of `in`, `between`, `nullif`, `case` inside each other",
            )
        return node

    def _peek_word(self, *words: str) -> bool:
        token = self._tokens[self._at]
        return token.kind == "name" and token.value.lower() in words

    def _next_is(self, *words: str) -> bool:
        token = self._tokens[self._at + 1]
        return token.kind == "name" and token.value.lower() in words

    def _word(self, *words: str) -> bool:
        """Whether one of these words is next, which is then taken."""
        found = self._peek_word(*words)
        self._at += found
        return found

    def _sign(self, *signs: str) -> str:
        """The sign that is next if it is one of these, which is then taken; else ''."""
        token = self._tokens[self._at]
        if token.kind != "sign" or token.value not in signs:
            return ""
        self._at += 1
        return token.value

    def _take(self, *kinds: str) -> Token:
        token = self._tokens[self._at]
        if token.kind not in kinds:
            raise self._unexpected()
        self._at += 1
        return token

    def _expect_word(self, word: str) -> None:
        if not self._word(word):
            raise self._unexpected(f", not {word.upper()}")

    def _expect_sign(self, sign: str) -> None:
        if not self._sign(sign):
            raise self._unexpected(f", not {sign!r}")

    def _unexpected(self, wanted: str = "") -> InvalidInputError:
        token = self._tokens[self._at]
        shown = "its end" if token is END else repr(token.value[:50])
        return self._invalid(f"{shown} comes unexpectedly{wanted}")

    def _invalid(self, reason: str) -> InvalidInputError:
        return invalid_condition(self._text, reason)

    def _too_deep(self) -> InvalidInputError:
        return too_large(self._text, f"it is nested more than {language.MAX_DEPTH} levels deep")
