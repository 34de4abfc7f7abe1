"""What Lance, Arrow and the system raise when a store cannot be read or written, in the user's words."""

import errno
import os
import re

import pyarrow as pa

from .errors import AttribaseError, ConflictError, UnreachableError

SOURCES = ("lanceerror", "lance/rust", "lance-io", "/rustc/", "/.cargo/")
"""What only Lance's own texts contain: places in its source."""

MARKS = (*SOURCES, "external error", ".lance/")
"""What the texts of Lance's errors contain, which come as any of Python's classes."""

NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
MESSAGE = re.compile(r'message: "([^"]+)"')
"""The cause within the text of an error of the network, which is a nest of structures."""
CODE = re.compile(r"<Code>([^<]+)</Code>.*?<Message>([^<]+)</Message>", re.DOTALL)
"""What an object store answered, as XML: a code (`AccessDenied`) and a sentence."""
OS_ERROR = re.compile(r"\(os error (\d+)\)")


def is_storage_error(error: BaseException) -> bool:
    """Whether `error` comes from reading or writing a store's files. Lance panics are no `Exception`."""
    if type(error).__name__ == "PanicException":
        return True
    if isinstance(error, AttribaseError):  # of SQL: DuckDB quotes Lance's error
        return any(mark in str(error).lower() for mark in SOURCES)
    if isinstance(error, OSError) and error.errno in (*NOT_WRITABLE, *NO_SPACE, errno.EIO):
        return True
    if not isinstance(error, OSError | ValueError | RuntimeError | pa.ArrowException):
        return False
    text = str(error).lower()
    return any(mark in text for mark in MARKS)


def first_line(error: BaseException) -> str:
    """What went wrong, without the places in Lance's source."""
    text = (str(error).splitlines() or [""])[0]
    said = CODE.search(str(error))
    if said:
        return f"{said.group(1)}: {said.group(2)}"
    inner = MESSAGE.search(text)
    if inner:
        return inner.group(1)
    text = re.split(r",? /(?:home|rustc|root|usr|build)[^ ]*/\S+\.rs:\d+", text)[0]
    for prefix in ("External error: ", "LanceError(IO): ", "LanceError(Arrow): "):
        text = text.removeprefix(prefix)
    return text.strip() or type(error).__name__


def explain_access(error: BaseException, uri: str) -> AttribaseError | None:
    """The error for a store that cannot be written, has no space or cannot be reached; None for others."""
    code, text = _code_of(error), str(error).lower()
    where = getattr(error, "filename", None) or uri
    if code in NO_SPACE:
        return AttribaseError(
            f"no space is left on the disk of {where}",
            hint="free some, then run the same command again: what was committed is kept",
        )
    if code in NOT_WRITABLE:
        return ConflictError(
            f"{where} cannot be used: {os.strerror(code)}",
            hint="give yourself the right to, or work on a copy that can be written",
        )
    if "://" in uri and ("not found" not in text or CODE.search(str(error))):
        return unreachable(error, uri)
    return None


def unreachable(error: BaseException, uri: str) -> UnreachableError:
    """The error for an object store that does not answer, or refuses."""
    return UnreachableError(
        f"{uri} cannot be reached: {first_line(error)[:200]}",
        hint="check the address, the network and the credentials (AWS_ACCESS_KEY_ID, ...)",
    )


def _code_of(error: BaseException) -> int | None:
    """The number of the operating system's error; Lance has it in its text."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    found = OS_ERROR.search(str(error))
    return int(found.group(1)) if found else None
