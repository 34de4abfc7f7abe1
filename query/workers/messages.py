"""The messages between a pool and its workers: a letter and bytes. Nothing is ever unpickled."""

from __future__ import annotations

import json
from multiprocessing.connection import Connection
from typing import Any

from ...store import errors

READY = b"R"  # the worker can answer: a JSON object with what its handler describes
LIMIT = b"L"  # to the worker: a JSON object with memory, the bytes that it may grow by
ASK = b"Q"  # to the worker: a JSON object with id, slices, and what the handler reads
BODY = b"B"  # to the worker: a slice of the request's body
CANCEL = b"C"  # to the worker: the id of the request to stop
HEAD = b"H"  # a JSON object that describes the answer
SLICE = b"S"  # a part of the answer's bytes
DONE = b"D"  # a JSON object: the answer is complete
ERROR = b"E"  # a JSON object with kind (a class of store/errors.py), message and hint

SLICE_BYTES = 256 << 10
"""The most bytes of one message with a part of an answer or of a body."""


def _kinds(base: type[errors.AttribaseError]) -> dict[str, type[errors.AttribaseError]]:
    found = {base.__name__: base}
    for kind in base.__subclasses__():
        found |= _kinds(kind)
    return found


def send(pipe: Connection, letter: bytes, payload: bytes = b"") -> None:
    """Send one message. Raises OSError when the other side is gone."""
    pipe.send_bytes(letter + payload)


def send_json(pipe: Connection, letter: bytes, **fields: Any) -> None:
    """Send one message that carries a JSON object. Raises TypeError or ValueError for other values."""
    send(pipe, letter, json.dumps(fields, allow_nan=False).encode())


def receive(pipe: Connection) -> tuple[bytes, bytes]:
    """The next message. Raises EOFError or OSError when the other side is gone."""
    message = pipe.recv_bytes()
    return message[:1], message[1:]


def send_error(pipe: Connection, error: errors.AttribaseError) -> None:
    """Send an error as its kind, message and hint."""
    send_json(pipe, ERROR, kind=type(error).__name__, message=str(error), hint=error.hint)


def read_error(payload: bytes) -> errors.AttribaseError:
    """The error that `send_error` sent."""
    fields = json.loads(payload)
    known = {
        name: kind
        for name, kind in _kinds(errors.AttribaseError).items()
        if kind.__module__ == errors.__name__
    }
    kind = known.get(str(fields["kind"]), errors.AttribaseError)
    return kind(str(fields["message"]), hint=str(fields["hint"]))
