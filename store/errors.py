"""The errors that users are meant to read: each says what failed and what to do next.

Anything else that escapes is a bug. The CLI turns these into one line and exit 1, the service into
an HTTP answer with `status`; both do so in one place.
"""


class AttribaseError(Exception):
    """Base of all errors meant for users. `hint` says what to do next; `status` is the HTTP answer."""

    status = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[type["AttribaseError"], tuple[object, ...], dict[str, object]]:
        """Keep the hint when a worker process hands the error back."""
        return (type(self), self.args, self.__dict__)


class NotFoundError(AttribaseError):
    """A store, table, version, encoder or row that is asked for by name does not exist."""

    status = 404


class InvalidInputError(AttribaseError):
    """Input that can never work as given: wrong format, wrong dimension, missing key."""

    status = 400


class ConflictError(AttribaseError):
    """The state contradicts the request: stale or ambiguous, or other writers kept winning."""

    status = 409


class DataError(AttribaseError):
    """Bytes that are not what they claim to be: truncated images, wrong hashes."""

    status = 422


class LimitError(AttribaseError):
    """A question that needs more memory, or gives more to carry, than is allowed here."""

    status = 413


class TimeLimitError(AttribaseError):
    """A question that took longer than is allowed here, or that nobody waits for any more."""

    status = 408


class BusyError(AttribaseError):
    """Everything that could answer is answering others; the same question will do later."""

    status = 503
