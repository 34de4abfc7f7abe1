"""The text tower of an encoder, run from its ONNX file: texts to features that images compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..store.errors import DataError, NotFoundError
from .encoder import TOKEN_IDS, open_session, session_options, share_weights
from .model_files import encoder_row, export_command, has_text_tower, read_text_model
from .tokens import CaptionTokenizer

if TYPE_CHECKING:
    from ..store import Store

TEXT_TOKENIZER_FILE = "text-tokenizer.json"
"""The name of the text tower's tokenizer among an encoder's files."""

BATCH = 64
"""Texts that are encoded at once."""

CPU = -1
"""One text takes milliseconds there."""


class TextEncoder:
    """Texts to raw, unnormalised features, in the space of the encoder's raw features of images.

    Safe to call from several threads. dim: length of a feature. length: tokens of a text.
    """

    def __init__(
        self,
        model: Path | str | bytes,
        tokenizer: bytes,
        *,
        threads: int | None = None,
        weights: Mapping[str, bytes] | None = None,
    ) -> None:
        """Load `model`, a file or its bytes, and its tokenizer.

        Args:
            model: the ONNX model; tokens (texts, length) int64 to features (texts, dim). Given as bytes, its
                external data must be in `weights`.
            tokenizer: a file of the `tokenizers` library that pads and cuts to `length`.
            threads: threads inside one operator; None: one a physical core.
            weights: external data by the name that the model has for it.

        Raises:
            DataError: the model or the tokenizer does not load, or they do not fit each other.
        """
        options = session_options(threads)
        self._weights = share_weights(options, model, weights)
        self._session = open_session(model, options, CPU)
        taken, made = self._session.get_inputs()[0].shape, self._session.get_outputs()[0].shape
        if len(taken) != 2 or len(made) != 2 or not all(isinstance(one[1], int) for one in (taken, made)):
            raise DataError(
                f"the text tower takes {taken} and returns {made}, not (texts, tokens) and (texts, dim)",
                hint="export the encoder again",
            )
        self.length, self.dim = int(taken[1]), int(made[1])
        self._tokenizer = CaptionTokenizer(tokenizer, self.length)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Raw features (texts, dim); what is longer than `length` tokens is cut."""
        parts = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(texts), BATCH):
            tokens = self._tokenizer.encode(texts[start : start + BATCH])
            parts.append(np.asarray(self._session.run(None, {TOKEN_IDS: tokens})[0], np.float32))
        return np.concatenate(parts)


def load_text_encoder(store: Store, name: str, *, threads: int | None = None) -> TextEncoder:
    """Load the text tower of the exported encoder `name`, after its files are checked.

    Raises:
        NotFoundError: the encoder was never exported here, has no text tower, or a file of it is gone.
        DataError: a file is not the one that was exported, or the towers have features of other lengths.
    """
    row = encoder_row(store, name)
    if not has_text_tower(row):
        raise NotFoundError(
            f"the encoder {name!r} has no text tower, so it compares no text with images",
            hint="use one that has: clip-vit-b32, or open_clip:ARCH/TAG",
        )
    files = read_text_model(store, row)
    encoder = TextEncoder(
        files.model, files.extra_files[TEXT_TOKENIZER_FILE], threads=threads, weights=files.weights
    )
    if encoder.dim != row["dim"]:
        raise DataError(
            f"the text tower of {name!r} returns {encoder.dim} dimensions, its images have {row['dim']}",
            hint=f"export it: {export_command(name)}",
        )
    return encoder
