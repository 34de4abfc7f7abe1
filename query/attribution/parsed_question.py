"""One question read: an image file, bytes, a picture, pixels or a feature; or the name of a stored sample."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...runtime.encode import encode_image, encode_pixels, is_pixels
from ...store.errors import AttribaseError, DataError, InvalidInputError, NotFoundError
from ...store.ids import content_id
from .request import NamedImage


@dataclass
class ParsedQuestion:
    """A question: its name, and one of `data` (image bytes), `feature` (dim,) and `sample` (id or uri).

    Attributes:
        prompt: that of a sample, for encoders that read captions.
        named: whether the name is one that its asker knows: of a file or sample.
        one_colour: whether its picture, where it was decoded, shows nothing but one colour.
        error: why it has no vector.
    """

    name: str
    data: bytes | None = None
    feature: NDArray[np.float32] | None = None
    sample: str | None = None
    prompt: str = ""
    named: bool = False
    one_colour: bool = False
    error: AttribaseError | None = None

    def fail(self, error: AttribaseError) -> None:
        """Keep an error, whose message names the question."""
        if self.named and self.name not in str(error):
            error.args = (f"{self.name}: {error}", *error.args[1:])
        self.error = error


def parse_question(question: object, files: bool) -> ParsedQuestion:
    """What a question asks about. Text that names no file can only be a sample.

    `files`: whether text may name a file of this machine.
    """
    if isinstance(question, AttribaseError):
        return ParsedQuestion("", error=question)
    if isinstance(question, NamedImage):
        return _parse_named(question)
    if isinstance(question, bytes):
        return ParsedQuestion(content_id(question), data=question)
    if isinstance(question, Image.Image) or (isinstance(question, np.ndarray) and is_pixels(question)):
        return _parse_image(question)
    if isinstance(question, np.ndarray):
        return _parse_feature(question)
    parsed = ParsedQuestion(str(question), named=True)
    if not isinstance(question, str | PathLike):
        parsed.fail(
            InvalidInputError(
                f"a {type(question).__name__} is no question",
                hint="give a path, bytes, a PIL image, an array of pixels or a sample_id",
            )
        )
        return parsed
    if not files and not isinstance(question, str):
        parsed.fail(InvalidInputError("files of this machine may not be named", hint="send their bytes"))
        return parsed
    try:
        parsed.data = _read_file(question) if files else None
    except NotFoundError as error:
        parsed.fail(error)
    else:
        parsed.sample = str(question) if parsed.data is None else None
    return parsed


def _parse_named(image: NamedImage) -> ParsedQuestion:
    parsed = ParsedQuestion(image.name, named=True)
    if image.error is None:
        parsed.data = image.data
    else:
        parsed.fail(image.error)
    return parsed


def _parse_feature(vector: NDArray[np.float32]) -> ParsedQuestion:
    try:
        feature = np.ascontiguousarray(vector, np.float32)
    except (TypeError, ValueError):
        error = InvalidInputError("a vector holds what is no number", hint="give float32 numbers")
        return ParsedQuestion("vector", error=error)
    return ParsedQuestion(f"vector {content_id(feature.tobytes())[:12]}", feature=feature)


def _parse_image(image: Image.Image | NDArray[Any]) -> ParsedQuestion:
    try:
        data = encode_image(image) if isinstance(image, Image.Image) else encode_pixels(image)
    except DataError as error:
        return ParsedQuestion("image", error=error)
    return ParsedQuestion(content_id(data), data=data)


def _read_file(name: str | PathLike[str]) -> bytes | None:
    """The bytes of the file of this name, or None where it can only be a sample."""
    try:
        path = Path(name)
        return path.read_bytes() if path.is_file() else None
    except OSError as error:  # too long for a file, or one that may not be read
        if isinstance(name, PathLike) or isinstance(error, PermissionError):
            raise NotFoundError(f"cannot read {name}: {error.strerror}", hint="name another file") from error
        return None
    except ValueError as error:  # a null byte
        if isinstance(name, PathLike):
            raise NotFoundError(f"cannot read {name}: {error}", hint="name another file") from error
        return None
