"""All errors that users are meant to read: each says what failed, and its `hint` what to do next.

                                       HTTP  exit  raised for
    AttribaseError                     500   1     what none of the others says
    ├── InvalidInputError              400   1     a wrong format, dimension, key or value
    │   └── UnknownFieldError          422   1     a field of the metadata that no image has
    ├── NotFoundError                  404   1     a store, table, version, encoder or row that is not there
    ├── UnreachableError               500   1     an object store that does not answer, or refuses
    ├── ConflictError                  409   1     stale or ambiguous state, a commit that lost every race
    ├── DataError                      422   1     truncated images, wrong hashes, broken files
    ├── LimitError                     413   1     a statement or request that needs too much memory
    │   └── TooLargeError              413   -     a request of too many bytes, queries or pixels
    ├── TimeLimitError                 408   1     a statement or request that ran too long
    │   └── RequestTimeoutError        408   -     a request that did not arrive in time
    ├── BusyError                      503   1     a statement or request that found no worker
    │   ├── OverloadedError            503   -     a request while too many others wait
    │   └── NotReadyError              503   -     a request while the service starts or stops
    ├── MissingExtraError              501   1     what an extra has that is not installed
    └── RequestError                   500   -     base of what is wrong with the HTTP request itself
        ├── UnauthorizedError          401   -     no token, or a wrong one
        ├── ForbiddenError             403   -     another site's page, or a statement that writes
        ├── NotAcceptableError         406   -     no format that the client accepts
        ├── UnsupportedMediaTypeError  415   -     a body of a type that the address does not read
        └── ClientDisconnectedError    499   -     a client that disconnected; counted, never sent

The command line prints `error: MESSAGE` and `next:  HINT` on stderr and exits with 1 (cli.py); wrong usage
exits with 2, an interrupt with 130. The service answers with `status`, `headers` and a JSON body
(query/service/errors.py); errors without an exit code are raised by the service only. Any exception that
escapes and is not in this tree is a bug.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class AttribaseError(Exception):
    """Base of all errors meant for users.

    `hint` says what to do next; `status` and `headers` are those of the HTTP response.
    """

    status: ClassVar[int] = 500
    headers: ClassVar[Mapping[str, str]] = NO_HEADERS

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[type["AttribaseError"], tuple[object, ...], dict[str, object]]:
        """Pickle the hint too: worker processes send errors back."""
        return (type(self), self.args, self.__dict__)


class InvalidInputError(AttribaseError):
    """Input that can never work as given: wrong format, wrong dimension, missing key."""

    status = 400


class UnknownFieldError(InvalidInputError):
    """A field of the metadata that no image has."""

    status = 422


class NotFoundError(AttribaseError):
    """A store, table, version, encoder or row of that name does not exist."""

    status = 404


class UnreachableError(AttribaseError):
    """The object store of a store does not answer, or refuses: address, network or credentials."""


class ConflictError(AttribaseError):
    """The state contradicts the request: stale or ambiguous, or other writers won every attempt."""

    status = 409


class DataError(AttribaseError):
    """Bytes that are not what they claim to be: truncated images, wrong hashes."""

    status = 422


class LimitError(AttribaseError):
    """The query needs more memory, or returns more rows, than its limits allow."""

    status = 413


class TooLargeError(LimitError):
    """More bytes, rows, queries or pixels than the service handles in one request."""


class TimeLimitError(AttribaseError):
    """The query ran longer than its time limit, or was cancelled because its client disconnected."""

    status = 408


class RequestTimeoutError(TimeLimitError):
    """The request did not arrive in time."""


class BusyError(AttribaseError):
    """All workers are taken; the same query works later."""

    status = 503
    headers = MappingProxyType({"retry-after": "1"})


class OverloadedError(BusyError):
    """Too many requests are waiting already; the same request works later."""


class NotReadyError(BusyError):
    """The service is starting or stopping."""


class MissingExtraError(AttribaseError):
    """It needs a library that is not installed: one of those that an extra of the package has."""

    status = 501


class RequestError(AttribaseError):
    """The service refuses the HTTP request itself, whatever it asks for. Base of the subclasses below."""


class UnauthorizedError(RequestError):
    """No token, or a wrong one."""

    status = 401
    headers = MappingProxyType({"www-authenticate": 'Bearer realm="attribase"'})


class ForbiddenError(RequestError):
    """A request that is never allowed: from another site's page, or one that writes."""

    status = 403


class NotAcceptableError(RequestError):
    """The client accepts none of the formats that the service writes."""

    status = 406


class UnsupportedMediaTypeError(RequestError):
    """A request body of a type that this address does not read."""

    status = 415


class ClientDisconnectedError(RequestError):
    """The client disconnected: the response is not sent, only counted."""

    status = 499
