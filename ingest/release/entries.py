"""Validation of the entries of release files; errors name the file and the entry."""

from typing import Any

from ...store import InvalidInputError

SHOWN = 80  # characters of a value in a message


def entry_error(file: str, entry: str, problem: str) -> InvalidInputError:
    """The error for an invalid entry of a file."""
    return InvalidInputError(
        f"{file}: {entry} {problem}", hint="get the file again, or leave it out; nothing was imported"
    )


def parse_names(file: str, entry: str, value: Any, *, what: str = "path") -> tuple[str, ...]:
    """`value` as storable names, in order. Raises InvalidInputError for anything but a list of them."""
    if not isinstance(value, list | tuple):
        raise entry_error(file, entry, f"is {format_value(value)}, not a list of {what}s")
    for place, text in enumerate(value):
        if not is_storable_name(text):
            raise entry_error(file, f"{entry}[{place}]", f"is {format_value(text)}, not a {what}")
    return tuple(value)


def is_storable_name(value: Any) -> bool:
    """Whether `value` is a non-empty string that UTF-8 can store and a file system can use."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in value) if not value.isascii() else True


def format_value(value: Any) -> str:
    """A value as messages show it, in at most one line."""
    text = repr(value) if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
