"""What a generated picture's own file says of how it was made: texts of PNG, EXIF of JPEG and WebP.

Only the header is read. Metadata that cannot be read do not spoil a picture: what is wrong with them is kept.
"""

from collections.abc import Callable, Iterator
from typing import Any

from PIL import ExifTags, Image

from ...runtime.decode import open_image
from ..images.sources.text import clean
from .a1111 import read_parameters
from .comfyui import read_prompt, read_workflow
from .settings import Settings

PROBLEM = "settings_problem"
"""The name in `metadata` of what could not be read."""

LONGEST_TEXT = 32 << 20
"""Longer texts are not read, bytes."""

Reader = Callable[[str], Settings | None]
READERS: tuple[tuple[str, Reader], ...] = (
    ("parameters", read_parameters),
    ("prompt", read_prompt),
    ("workflow", read_workflow),
)
"""By name of a text in a file, who reads it; the first that says something counts."""


def read_embedded_settings(data: bytes) -> Settings:
    """The settings that the image file `data` states; empty where it states none."""
    problems: list[str] = []
    try:
        texts = dict(_texts(open_image(data)))
    except Exception as error:  # the pixels were decoded: parsers of metadata raise many types
        return Settings(others={PROBLEM: f"its metadata cannot be read: {_line(error)}"})
    for name, read in READERS:
        text = texts.get(name)
        if text is None:
            continue
        if len(text) > LONGEST_TEXT:
            problems.append(f"{name} has {len(text):,} characters")
            continue
        try:
            found = read(clean(text))
        except (ValueError, RecursionError, TypeError, KeyError) as error:
            problems.append(f"{name} cannot be read: {_line(error)}")
            continue
        if found is not None:
            return found
        problems.append(f"{name} holds no settings that are known here")
    return Settings(others={PROBLEM: "; ".join(problems)} if problems else {})


def _texts(image: Image.Image) -> Iterator[tuple[str, str]]:
    """Name and text, by the names in READERS."""
    for name, _ in READERS:
        value = image.info.get(name)
        if isinstance(value, str):
            yield name, value
    exif = image.getexif()
    comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if comment:
        yield _named(_comment(comment))
    for tag in (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.ImageDescription):
        value = exif.get(tag)
        name, colon, text = value.partition(":") if isinstance(value, str) else ("", "", "")
        if colon and name.lower() in ("prompt", "workflow"):  # as ComfyUI writes them into WebP
            yield name.lower(), text


def _named(comment: str) -> tuple[str, str]:
    """A comment with the name of the text that it is."""
    return ("prompt" if comment.lstrip().startswith("{") else "parameters"), comment


def _comment(value: Any) -> str:
    """EXIF's UserComment: eight bytes that name the encoding, then the text."""
    if isinstance(value, str):
        return value
    code, text = bytes(value[:8]), bytes(value[8:])
    if code.startswith(b"UNICODE"):
        marked = text[:2] in (b"\xff\xfe", b"\xfe\xff")
        little = text[1:512:2].count(0) > text[0:512:2].count(0)  # the byte order of the file, or another
        encoding = "utf-16" if marked else "utf-16-le" if little else "utf-16-be"
        return text.decode(encoding, "replace")
    named = code.startswith((b"ASCII", b"\0"))
    return (text if named else code + text).rstrip(b"\0").decode("utf-8", "replace")


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:200]
