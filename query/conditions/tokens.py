"""The words, constants and signs of a condition, in linear time."""

from __future__ import annotations

import re
from typing import NamedTuple

from .language import MAX_TOKENS, invalid_condition, too_large


class Token(NamedTuple):
    """A piece of a condition. `kind`: name, column, quoted, text, number, sign or end."""

    kind: str
    value: str


PATTERN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<text>'[^']*(?:''[^']*)*')
    |(?P<escaped>[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*')
    |(?P<dollar>\$\$.*?\$\$)
    |(?P<quoted>"[^"]+(?:""[^"]*)*")
    |(?P<column>`[^`]+(?:``[^`]*)*`)
    |(?P<unclosed>/\*|[eE]?'|"|`|\$\$)
    |(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?!\w))
    |(?P<name>[^\W\d]\w*)
    |(?P<sign>->>|->|\|\||::|<=|>=|<>|!=|==|!~|\^@|//|\*\*|[-+*/%^=<>~(),\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|''", re.DOTALL)
ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
MAX_NUMBER = 40  # characters of one

END = Token("end", "")


def tokenize(text: str) -> list[Token]:
    """The tokens of a condition, END last. InvalidInputError for what is none, or for too many."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = PATTERN.match(text, at)
        if match is None:
            raise invalid_condition(text, f"there is {text[at]!r} in it")
        at, kind = match.end(), str(match.lastgroup)
        if kind == "space":
            continue
        if len(found) == MAX_TOKENS:
            raise too_large(text, f"more than {MAX_TOKENS:,} words and signs")
        found.append(_token(text, kind, match.group()))
    return [*found, END]


def check_text(text: str, value: str) -> str:
    """`value`, a part of the condition `text`. InvalidInputError where it is not Unicode or has a NUL."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid_condition(
            text.encode(errors="replace").decode(), "it is not Unicode text", "send complete characters"
        ) from None
    if "\0" in value:
        raise invalid_condition(text, "there is a NUL character in it", "send plain text")
    return value


def _token(text: str, kind: str, part: str) -> Token:
    match kind:
        case "unclosed":
            raise invalid_condition(text, f"{part} is not closed")
        case "text":
            return Token("text", part[1:-1].replace("''", "'"))
        case "escaped":
            return Token("text", check_text(text, ESCAPE.sub(_unescape, part[2:-1])))
        case "dollar":
            return Token("text", part[2:-2])
        case "quoted":
            return Token("quoted", part[1:-1].replace('""', '"'))
        case "column":
            return Token("column", part[1:-1].replace("``", "`"))
        case "number" if len(part) > MAX_NUMBER:
            raise invalid_condition(text, f"a number has more than {MAX_NUMBER} characters")
    return Token(kind, part)


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    if code is None:
        return "'"
    if len(code) == 1:
        return ESCAPED.get(code, code)
    return chr(min(int(code[1:], 16), 0x10FFFF))
