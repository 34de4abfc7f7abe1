"""Tasks of worker processes, here or on a cluster: what is sent to them, and errors that name the task."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..store.errors import AttribaseError
from ..store.extras import missing_extra

Handler: TypeAlias = Callable[[Any], Any]
"""Payload of a task -> its result."""
Setup: TypeAlias = Callable[[Any, str], Handler]
"""(what all tasks share, device) -> what does one task; a function of a module, so that it can be sent."""


@dataclass(frozen=True)
class WorkerTask:
    """One task: `payload` is sent to a worker, `name` is what errors call it, `key` is for the caller."""

    key: str
    name: str
    payload: Any


def call_named(handler: Handler, name: str, payload: Any) -> Any:
    """The handler's result. Raises AttribaseError, whatever it raises, that names the task."""
    try:
        return handler(payload)
    except AttribaseError as error:
        raise type(error)(f"{name}: {error}", hint=error.hint) from error
    except Exception as error:
        if missing := missing_extra(error):
            raise type(missing)(f"{name}: {missing}", hint=missing.hint) from error
        wrapped = AttribaseError(
            f"{name}: {type(error).__name__}: {error}", hint="this is likely a bug; report it"
        )
        wrapped.add_note(traceback.format_exc())
        raise wrapped from error
