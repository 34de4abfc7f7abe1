"""Composite encoders: the features of several encoders, each scaled to unit length, side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..store.errors import DataError
from .encoder import load_encoder
from .mapper import normalise
from .model_files import encoder_row, encoder_rows, export_command

if TYPE_CHECKING:
    from PIL import Image

    from ..store import Store


Features = NDArray[np.float32]


class EncoderPart(NamedTuple):
    """An encoder whose unit-length feature is the dimensions `start` to `stop` of a composite's."""

    name: str
    start: int
    stop: int


class ImageEncoder(Protocol):
    """What turns pictures into features: one network, or the parts of a composite."""

    @property
    def dim(self) -> int:
        """Length of a feature."""

    @property
    def captions(self) -> bool:
        """Whether it takes captions."""

    def encode(
        self, images: Sequence[Image.Image], captions: Sequence[str] | None = None, *, batch: int = 64
    ) -> Features:
        """Images to raw features (images, dim); `captions`, one an image, for encoders that take them."""


def composite_parts(row: Mapping[str, Any]) -> list[EncoderPart]:
    """The parts that an `encoders` row joins, in their order; none of an encoder that is no composite."""
    found, start = [], 0
    for part in json.loads(row.get("parts") or "[]"):
        found.append(EncoderPart(part["encoder"], start, start + part["dim"]))
        start += part["dim"]
    return found


def encoder_parts(store: Store, name: str) -> list[EncoderPart]:
    """The parts of the stored encoder `name`; of one that is no composite, itself. Raises NotFoundError."""
    row = encoder_row(store, name)
    return composite_parts(row) or [EncoderPart(name, 0, row["dim"])]


def parts_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """The `parts` column of a composite of these `encoders` rows: names, widths and models."""
    return json.dumps([{name: row[name] for name in ("encoder", "dim", "onnx_sha256")} for row in rows])


def join_parts(features: Sequence[Features]) -> Features:
    """The parts' raw features (items, dim of a part), each scaled to unit length, as (items, sum of dims).

    Scaled, since lengths of features of two encoders have nothing to do with each other; the raw cosine of a
    composite is so the mean of its parts' cosines. A part of zeros stays zero.
    """
    return np.concatenate([normalise(part) for part in features], axis=1)


def scale_parts(rows: Features, parts: Sequence[EncoderPart]) -> Features:
    """Features of a composite (items, dim) with each part scaled to unit length, as they are stored."""
    return join_parts([rows[:, part.start : part.stop] for part in parts])


class CompositeEncoder:
    """Pictures to the joined features of all parts. dim: their sum. captions: whether any takes them."""

    def __init__(self, networks: Sequence[ImageEncoder]) -> None:
        """`networks`: of the parts, in their order."""
        self._networks = list(networks)
        self.dim = sum(network.dim for network in networks)
        self.captions = any(network.captions for network in networks)

    def encode(
        self, images: Sequence[Image.Image], captions: Sequence[str] | None = None, *, batch: int = 64
    ) -> Features:
        """Images to features (images, dim); `captions`, one an image, go to the parts that take them."""
        return join_parts(
            [
                network.encode(images, captions if network.captions else None, batch=batch)
                for network in self._networks
            ]
        )


def load_image_encoder(
    store: Store, name: str, load: Callable[[str], ImageEncoder] | None = None
) -> ImageEncoder:
    """The stored encoder `name`, also a composite. `load` gives a network by name; by default it is loaded.

    Raises:
        NotFoundError: an encoder was never exported here, or a file of it is gone.
        DataError: a file is not the one that was exported, or a part is another model than it was.
    """
    row, load = encoder_row(store, name), load or (lambda one: load_encoder(store, one))
    parts = composite_parts(row)
    if not parts:
        return load(name)
    now = parts_json(encoder_rows(store, [part.name for part in parts]))
    if json.loads(now) != json.loads(row["parts"]):
        raise DataError(
            f"a part of {name!r} is another model than when its vectors were made",
            hint=f"export it: {export_command(name)}",
        )
    with ThreadPoolExecutor(len(parts)) as threads:  # most of the time is spent outside the interpreter
        return CompositeEncoder(list(threads.map(load, [part.name for part in parts])))
