"""Hints and notes in the words of HTTP: fields instead of options, and who runs a command of the terminal."""

from __future__ import annotations

import re

SQL_COMMAND = re.compile(r"attribase(?: -s STORE)? query sql [\"'](.+?)[\"']")
COMMAND = re.compile(r"\battribase (?:-s \S+ )?[a-z]")
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")
OPERATOR = "for the operator of this service: "
OF_SERVE = (
    "token-file",
    "no-sql",
    "host",
    "port",
    "memory",
    "workers",
    "config",
    "evidence-key",
    "evidence-certificate",
    "evidence-timestamp-url",
)
"""Options of `query serve`, which are no fields of a request."""


def http_words(text: str) -> str:
    """A hint as a client of the service can follow it.

    Statements become requests to /v1/sql, options become fields. A hint with any other command is addressed
    to the operator, and stays as it is.
    """
    text = SQL_COMMAND.sub(r"POST /v1/sql with the statement `\1`", text)
    if COMMAND.search(text):
        return OPERATOR + text
    return OPTION.sub(_as_field, text)


def _as_field(option: re.Match[str]) -> str:
    return option[0] if option[1] in OF_SERVE else f"the field `{option[1].replace('-', '_')}`"
