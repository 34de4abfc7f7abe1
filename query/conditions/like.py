"""Patterns of LIKE: split into texts and wildcards, and written in forms that are matched in linear time."""

from __future__ import annotations

import re

Pattern = tuple[str | int | None, ...]


def split_pattern(text: str, escape: str | None) -> Pattern:
    """The texts and wildcards of a pattern: None stands for any text, an integer n for n characters.

    Raises ValueError for an escape that is not one character, or one with nothing after it.
    """
    if escape is not None and len(escape) > 1:
        raise ValueError("the escape of `like` is not one character")
    parts: list[str | int | None] = []
    letters = iter(text)
    for letter in letters:
        last = parts[-1] if parts else None
        if letter == escape:
            letter = next(letters, "")
            if not letter:
                raise ValueError("the pattern of `like` ends in its escape")
        elif letter == "%":
            if not parts or last is not None:
                parts.append(None)
            continue
        elif letter == "_":
            if isinstance(last, int):
                parts[-1] = last + 1
            else:
                parts.append(1)
            continue
        if isinstance(last, str):
            parts[-1] = last + letter
        else:
            parts.append(letter)
    return tuple(parts)


def plain_pattern(pattern: Pattern) -> str | None:
    """The pattern with `%` only, which is matched part by part; None where it has other wildcards."""
    if any(isinstance(part, int) or (part and set(part) & {"%", "_"}) for part in pattern):
        return None
    return "".join("%" if part is None else str(part) for part in pattern)


def regular_expression(pattern: Pattern) -> str:
    """The same pattern in RE2's syntax, for a whole text."""
    return "(?s)" + "".join(_expression(part) for part in pattern)


def _expression(part: str | int | None) -> str:
    if part is None:
        return ".*"
    if isinstance(part, int):
        return f".{{{part}}}"
    return re.sub(r"[^\w]", lambda found: f"\\x{{{ord(found[0]):x}}}", part)
