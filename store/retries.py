"""Committing while others commit too: run again, a bounded number of times, with growing random pauses."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from lance.commit import CommitConflictError

from .errors import ConflictError

Result = TypeVar("Result")

ATTEMPTS = 12
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 2.0

# Not every lost race comes as Lance's CommitConflictError: some are plain errors with one of these words.
CONFLICTS = ("commit conflict", "concurrent", "please retry")


def with_retries(what: str, commit: Callable[[], Result]) -> Result:
    """`commit()`, again whenever another writer came first.

    `commit` must start from the newest version each time and must be harmless to repeat.

    Raises ConflictError when other writers won every time; any other error at once.
    """
    pause = FIRST_PAUSE
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return commit()
        except (OSError, RuntimeError, ValueError) as error:
            if not is_conflict(error):
                raise
            if attempt == ATTEMPTS:
                raise ConflictError(
                    f"{what}: other writers came first {ATTEMPTS} times",
                    hint="run it again (nothing was lost), or with fewer writers at once",
                ) from error
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret, only spread
        pause = min(2 * pause, LONGEST_PAUSE)
    raise AssertionError("unreachable")


def is_conflict(error: Exception) -> bool:
    """Whether Lance failed because of another writer, so that a new attempt can succeed."""
    if isinstance(error, CommitConflictError):
        return bool(error.retryable)
    text = str(error).lower()
    return any(phrase in text for phrase in CONFLICTS)
