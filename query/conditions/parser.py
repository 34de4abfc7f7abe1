"""From tokens to the tree of a condition: by precedence, with a bound on depth and parts."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from . import language
from .calls import check_operator
from .like import split_pattern
from .operands import CONSTANTS, OperandParser
from .tokens import END
from .tree import Arithmetic, Between, Comparison, In, Is, Like, Literal, Logic, Negative, Node, Not, Value


class Parser(OperandParser):
    """Parses one condition; errors are InvalidInputError.

    Each method of a level of precedence reads one expression of it, from `or` down to operands.
    """

    def parse(self) -> Node:
        """The whole condition."""
        found = self._expression()
        if self._tokens[self._at] is not END:
            raise self._unexpected()
        return found

    def _expression(self) -> Node:
        """An expression inside of another one."""
        self._level += 1
        if self._level > language.MAX_DEPTH:
            raise self._too_deep()
        found = self._logic("or", lambda: self._logic("and", self._negation))
        self._level -= 1
        return found

    def _logic(self, operator: str, term: Callable[[], Node]) -> Node:
        terms = [term()]
        while self._word(operator):
            terms.append(term())
        return self._made(Logic(operator, tuple(terms))) if len(terms) > 1 else terms[0]

    def _negation(self) -> Node:
        count = 0
        while self._word("not"):
            count += 1
        found = self._test()
        for _ in range(count):
            found = self._made(Not(found))
        return found

    def _test(self) -> Node:
        found = self._comparison()
        while self._peek_word("is", "isnull", "notnull"):
            if self._word("isnull"):
                found = self._made(Is(found, None, False))
            elif self._word("notnull"):
                found = self._made(Is(found, None, True))
            else:
                found = self._made(self._is(found))
        return found

    def _is(self, operand: Node) -> Node:
        self._expect_word("is")
        negated = self._word("not")
        if self._word("distinct"):
            self._expect_word("from")
            return Comparison(f"is {'not ' * negated}distinct from", operand, self._comparison())
        if self._word("unknown"):
            return Is(operand, None, negated)
        for word, value in CONSTANTS.items():
            if self._word(word):
                return Is(operand, bool(value) if value is not None else None, negated)
        raise self._unexpected()

    def _comparison(self) -> Node:
        left = self._range()
        operator = self._sign(*language.COMPARISONS)
        if not operator:
            return left
        found = self._made(Comparison(language.COMPARISONS[operator], left, self._range()))
        if self._sign(*language.COMPARISONS):
            raise self._invalid("comparisons are chained; combine them with `and`")
        return found

    def _range(self) -> Node:
        found = self._operand()
        while True:
            negated = self._peek_word("not") and self._next_is("between", "in", "like", "ilike", "similar")
            if negated:
                self._at += 1
            if self._word("between"):
                low = self._operand()
                self._expect_word("and")
                high = self._operand()
                found = self._made(Between(found, low, high, negated))
            elif self._word("in"):
                found = self._made(self._in(found, negated))
            elif self._peek_word("like", "ilike"):
                found = self._made(self._like(found, negated))
            elif self._word("similar"):
                self._expect_word("to")
                operator = "!~" if negated else "~"
                found = self._operation(operator, found, self._operand())
            else:
                return found

    def _in(self, operand: Node, negated: bool) -> In:
        self._expect_sign("(")
        values: list[Value] = []
        others: list[Node] = []
        while True:
            value = self._tokens[self._at]
            if value.kind == "text" and self._tokens[self._at + 1].value in (",", ")"):
                self._at += 1  # as most long lists are: one step for each value
                values.append(value.value)
            else:
                part = self._expression()
                if isinstance(part, Literal):
                    self._parts -= 1
                    values.append(part.value)
                else:
                    others.append(part)
            if self._sign(")"):
                return In(operand, tuple(values), tuple(others), negated)
            self._expect_sign(",")

    def _like(self, operand: Node, negated: bool) -> Like:
        fold_case = self._word("ilike")
        if not fold_case:
            self._expect_word("like")
        pattern, escape = self._operand(), None
        if self._word("escape"):
            escape = self._take("text").value
        if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
            raise self._invalid("the pattern of `like` is no text in single quotes")
        try:
            return Like(operand, split_pattern(pattern.value, escape), fold_case, negated)
        except ValueError as error:
            raise self._invalid(str(error)) from error

    def _operand(self) -> Node:
        return self._binary(len(language.BINARY) - 1)

    def _binary(self, level: int) -> Node:
        if level < 0:
            return self._signed()
        found = self._binary(level - 1)
        while operator := self._sign(*language.BINARY[level]):
            found = self._operation(operator, found, self._binary(level - 1))
        return found

    def _operation(self, operator: str, left: Node, right: Node) -> Node:
        check_operator(self._text, operator, right)
        return self._made(Arithmetic("**" if operator == "^" else operator, left, right))

    def _signed(self) -> Node:
        signs = []
        while sign := self._sign("-", "+"):
            signs.append(sign)
        found = self._postfix()
        if len(signs) > language.MAX_DEPTH:
            raise self._too_deep()
        for sign in reversed(signs):
            if sign == "-":
                found = self._negative(found)
        return found

    def _negative(self, operand: Node) -> Node:
        value = operand.value if isinstance(operand, Literal) else None
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return Literal(-value)
        return self._made(Negative(operand))
