"""Repeating a commit that lost a race with another writer, with growing random pauses."""

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

# Lance reports some lost races as plain errors with one of these phrases, not as CommitConflictError.
CONFLICTS = ("commit conflict", "concurrent", "please retry")


def with_retries(what: str, commit: Callable[[], Result]) -> Result:
    """The result of `commit()`, called again whenever another writer came first.

    `commit` has to start from the newest version each time, and to be harmless when repeated.

    Raises ConflictError when other writers won every attempt; any other error at once.
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
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - not for secrets
        pause = min(2 * pause, LONGEST_PAUSE)
    raise AssertionError("unreachable")


def is_conflict(error: Exception) -> bool:
    """Whether Lance failed because of another writer, so that another attempt can succeed."""
    if isinstance(error, CommitConflictError):
        return bool(error.retryable)
    text = str(error).lower()
    return any(phrase in text for phrase in CONFLICTS)
