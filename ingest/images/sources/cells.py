"""Values of a table's cells as the parts of an image: pictures, texts, metadata."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from ....runtime.formats import HEAD_BYTES, recognise
from ..reservations import is_understood, reservation_of
from .source import Unreadable
from .text import clean, json_object

_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")
_URL = re.compile(r"[a-z][a-z0-9+.\-]+://", re.IGNORECASE)

TEXTS = ("caption", "category", "creator", "license", "rights_holder", "license_url", "reservation", "source")
"""The parts of an image that are texts, each a column of `images`."""

Cell = bytes | str | Unreadable
"""One picture of a cell: its bytes, the path or URL of it, or why it cannot be read."""


def pictures_of(value: Any) -> list[Cell]:
    """The pictures in a cell: bytes, base64, `data:` URIs, structs of bytes and path, or lists of these."""
    if value is None or value == "":
        return []
    if isinstance(value, bytes | bytearray | memoryview):
        return [_from_bytes(bytes(value))]
    if isinstance(value, str):
        return [_from_text(value.strip())]
    if isinstance(value, Mapping):
        found = pictures_of(value.get("bytes"))
        return found or pictures_of(value.get("path") or value.get("src") or value.get("url"))
    if isinstance(value, Sequence):
        if value and all(type(part) is int and 0 <= part < 256 for part in value):
            return [bytes(value)]
        if _is_array(value):
            remedy = "write the table with the bytes of PNG or JPEG files"
            return [Unreadable("not-an-image", "an array of raw pixels is not read", remedy)]
        return [picture for part in value for picture in pictures_of(part)]
    return [Unreadable("not-an-image", f"a value of type {type(value).__name__} is no picture")]


def _is_array(value: Sequence[Any]) -> bool:
    """Whether lists of numbers lie in a list: pixels, not files."""
    return any(
        isinstance(part, list | tuple) and bool(part) and isinstance(part[0], int | float | list | tuple)
        for part in value[:1]
    )


def path_in(value: Any) -> str | None:
    """The path beside the bytes of a struct."""
    path = value.get("path") if isinstance(value, Mapping) else None
    return str(path) if path else None


def holds_picture(value: Any) -> bool:
    """Whether a cell has bytes that begin as a picture does."""
    return any(isinstance(found, bytes) and recognise(found[:HEAD_BYTES]) for found in pictures_of(value))


def is_url(text: str) -> bool:
    """Whether the text is a URL of somewhere else: a path and `file://` are not."""
    return bool(_URL.match(text)) and not text.lower().startswith("file://")


def text_of(value: Any, names: Sequence[str] = ()) -> str | None:
    """A cell as text: of a list the first value, of a class number its name among `names`."""
    if isinstance(value, list | tuple):
        return next((text for text in (text_of(part, names) for part in value) if text is not None), None)
    value = with_names(value, names)
    if value is None or value == "":
        return None
    if isinstance(value, Mapping):
        return next((text_of(part) for part in value.values() if isinstance(part, str) and part), None)
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return clean(str(value).strip()) or None


def with_names(value: Any, names: Sequence[str]) -> Any:
    """Class numbers as their names, in lists too; -1 stands for no class."""
    if not names:
        return value
    if isinstance(value, list | tuple):
        return [with_names(part, names) for part in value]
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    if 0 <= value < len(names):
        return names[value]
    return None if value == -1 else value


def parts_of(
    row: Mapping[str, Any], columns: Mapping[str, str | None], labels: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The texts of a row (`TEXTS`), and all its other values as JSON.

    A list counts by its first value, and is in the metadata as a whole; so is a reservation in words that
    are not known.
    """
    texts: dict[str, Any] = {}
    rest = {name: with_names(value, labels.get(name, ())) for name, value in row.items()}
    for part in TEXTS:
        column = columns.get(part)
        texts[part] = text_of(row.get(column), labels.get(column, ())) if column else None
        if part == "reservation" and column:
            known = is_understood(texts[part], column)
            texts[part] = reservation_of(texts[part], column)
            if not known:
                continue
        if column and not (isinstance(row.get(column), list | tuple | Mapping) and row[column]):
            rest.pop(column, None)
    for part in ("image", "uri"):
        rest.pop(columns.get(part) or "", None)
    return texts, json_object(rest)


def _from_bytes(data: bytes) -> bytes:
    """The bytes, or what they stand for where they are base64."""
    if not recognise(data[:HEAD_BYTES]) and data[:HEAD_BYTES].isascii():
        decoded = _from_text(data[: len(data)].decode("latin-1").strip())
        if isinstance(decoded, bytes):
            return decoded
    return data


def _from_text(text: str) -> Cell:
    if text[:5].lower() == "data:":
        head, _, body = text.partition(",")
        if not head.lower().endswith(";base64"):
            return unquote_to_bytes(body)
        return _from_base64(body)
    if len(text) >= HEAD_BYTES and _BASE64.fullmatch(text[:HEAD_BYTES]) and recognise(_head(text)):
        return _from_base64(text)
    return text


def _head(text: str) -> bytes:
    start = re.sub(r"\s", "", text[: 2 * HEAD_BYTES]).translate(_STANDARD)[:HEAD_BYTES]
    try:
        return base64.b64decode(start[: len(start) // 4 * 4])
    except binascii.Error:
        return b""


def _from_base64(text: str) -> bytes | Unreadable:
    plain = re.sub(r"\s", "", text).translate(_STANDARD).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        return Unreadable("bad-base64", f"the picture in base64 is damaged: {error}", "write the table again")


_STANDARD = str.maketrans("-_", "+/")
