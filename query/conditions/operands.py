"""Operands of conditions: constants, columns, calls, casts, cases, and what is in parentheses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from math import isfinite

from . import language
from .calls import check_call
from .cursor import TokenCursor
from .language import invalid_condition
from .tokens import END, Token
from .tree import Arithmetic, Call, Case, Cast, Column, Literal, Node, Value

CONSTANTS: dict[str, Value] = {"null": None, "true": True, "false": False}
RESERVED_WORDS = """
all and any array as asc between by case collate desc distinct else end escape exists filter from glob group
having ilike in is isnull lambda like limit not notnull offset or order over select similar then union using
when where window with
"""
RESERVED = frozenset(RESERVED_WORDS.split())
"""Words that are no columns unless they are quoted."""


class OperandParser(TokenCursor, ABC):
    """Parses one operand; what is inside of it is any expression."""

    @abstractmethod
    def _expression(self) -> Node:
        """An expression inside of another one."""

    @abstractmethod
    def _operand(self) -> Node:
        """What a comparison compares."""

    def _postfix(self) -> Node:
        found = self._primary()
        while True:
            if self._sign("::"):
                found = self._made(Cast(found, self._kind()))
            elif self._sign("["):
                found = self._made(Arithmetic("[]", found, self._expression()))
                self._expect_sign("]")
            else:
                return found

    def _primary(self) -> Node:
        token = self._tokens[self._at]
        following = self._tokens[self._at + 1] if token is not END else END
        if token.kind == "sign" and self._sign("("):
            found = self._expression()
            self._expect_sign(")")
            return found
        if token.kind == "sign" and self._sign("["):
            return self._call("list_value", "]")
        if token.kind == "text":
            self._at += 1
            return self._made(Literal(token.value))
        if token.kind == "number":
            self._at += 1
            return self._made(Literal(self._number(token.value)))
        if token.kind in ("column", "quoted"):
            return self._quoted(token, following)
        if token.kind != "name" or token.value.lower() in RESERVED - {"case"}:
            raise self._unexpected()
        self._at += 1
        return self._named(token.value.lower(), following)

    def _quoted(self, token: Token, following: Token) -> Node:
        self._at += 1
        if token.kind == "quoted" and self._quoted_is_text:
            return self._made(Literal(token.value))
        if following.value == "(" and following.kind == "sign":
            raise self._invalid("a function is named in quotes; quoted names are columns")
        return self._made(Column(token.value.lower()))

    def _named(self, name: str, following: Token) -> Node:
        """What begins with an unquoted word."""
        if name in CONSTANTS:
            return self._made(Literal(CONSTANTS[name]))
        if name == "case":
            return self._made(self._case())
        if name in language.LITERAL_TYPES and following.kind == "text":
            self._at += 1
            return self._made(Cast(self._made(Literal(following.value)), language.TYPES[name]))
        if following.kind != "sign" or following.value != "(":
            return self._made(Column(name))
        self._at += 1
        if name in ("cast", "try_cast"):
            return self._cast(name == "try_cast")
        if name == "extract":
            return self._extract()
        if name == "position":
            return self._position()
        return self._call(name, ")")

    def _call(self, name: str, closing: str) -> Node:
        arguments: list[Node] = []
        if not self._sign(closing):
            arguments.append(self._expression())
            while self._sign(","):
                arguments.append(self._expression())
            self._expect_sign(closing)
        check_call(self._text, name, arguments)
        return self._made(Call(name, tuple(arguments)))

    def _cast(self, lenient: bool) -> Node:
        operand = self._expression()
        self._expect_word("as")
        kind = self._kind()
        self._expect_sign(")")
        return self._made(Cast(operand, kind, lenient))

    def _extract(self) -> Node:
        """`extract(year from column)`."""
        field = self._take("name", "text").value
        self._expect_word("from")
        operand = self._expression()
        self._expect_sign(")")
        return self._made(Call("date_part", (self._made(Literal(field.lower())), operand)))

    def _position(self) -> Node:
        """`position('x' in column)`."""
        wanted = self._operand()
        self._expect_word("in")
        operand = self._expression()
        self._expect_sign(")")
        return self._made(Call("strpos", (operand, wanted)))

    def _case(self) -> Node:
        subject = None if self._peek_word("when") else self._expression()
        branches = []
        while self._word("when"):
            condition = self._expression()
            self._expect_word("then")
            branches.append((condition, self._expression()))
        otherwise = self._expression() if self._word("else") else None
        if not branches:
            raise self._unexpected()
        self._expect_word("end")
        return Case(subject, tuple(branches), otherwise)

    def _kind(self) -> str:
        name = self._take("name").value.lower()
        if name not in language.TYPES:
            known = ", ".join(sorted(language.TYPES))
            raise invalid_condition(
                self._text, f"there is no type {name[:100]} in conditions", f"there are {known}"
            )
        if name == "double":
            self._word("precision")
        return language.TYPES[name]

    def _number(self, text: str) -> Value:
        if text.isdigit():
            return int(text)
        if "e" in text.lower():
            value = float(text)
            if not isfinite(value):
                raise self._invalid(f"the number {text} is too large")
            return value
        return Decimal(text)
