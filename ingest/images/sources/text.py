"""Text of files in any encoding, and values as JSON and Arrow can hold them."""

import codecs
import math
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

_MARKS = (  # UTF-32 before UTF-16, whose mark it begins with
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK = 1 << 20
GUESSED = "cp1252"
"""The encoding of text that has no byte order mark and is no UTF-8."""


def decode_text(data: bytes) -> tuple[str, str]:
    """The text of `data` and its encoding: by byte order mark, else UTF-8, UTF-16 or Windows-1252."""
    encoding = _marked(data[:4]) or _without_mark(data[:_BLOCK])
    if not encoding:
        try:
            return data.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            encoding = GUESSED
    return data.decode(encoding, errors="replace"), encoding


def text_encoding(open_file: Callable[[], BinaryIO]) -> str:
    """The encoding of a whole text file, read once without holding it."""
    with open_file() as file:
        block = file.read(_BLOCK)
        known = _marked(block[:4]) or _without_mark(block)
        if known:
            return known
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block:
                decoder.decode(block)
                block = file.read(_BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return GUESSED
    return "utf-8"


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold it: JSON can spell halves of surrogate pairs."""
    return text.isascii() or text.encode("utf-8", "replace").decode() == text


def clean(text: str) -> str:
    """`text` as UTF-8 can hold it: halves of surrogate pairs become U+FFFD."""
    return text.encode("utf-8", "replace").decode() if text.isascii() is False else text


DEEPEST = 50
"""How many lists or objects may lie in one another; what is deeper is left out."""


def json_value(value: Any, depth: int = 0) -> Any:
    """`value` as JSON can hold it: None for bytes and numbers that are not finite, text for other types.

    `depth` is how many lists and objects it lies in.
    """
    if depth > DEEPEST:
        return None
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return None
    if isinstance(value, Mapping):
        pairs = ((clean(str(key)), json_value(part, depth + 1)) for key, part in value.items())
        return {key: part for key, part in pairs if part is not None}
    if isinstance(value, list | tuple):
        return [json_value(part, depth + 1) for part in value]
    return clean(str(value))


def json_object(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a row that have a value, as JSON values."""
    values = {clean(name): json_value(value) for name, value in row.items()}
    return {name: value for name, value in values.items() if value is not None and value != {}}


def _marked(head: bytes) -> str:
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), "")


def _without_mark(head: bytes) -> str:
    """UTF-16 without a mark: text in Latin letters has a zero in every other byte."""
    pairs = len(head) // 2
    if not pairs:
        return ""
    even, odd = head[: 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd > 0.3 * pairs and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > 0.3 * pairs and odd == 0 else ""
