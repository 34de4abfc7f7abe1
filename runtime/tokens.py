"""Texts to the token ids that an encoder or its text tower takes, without torch or transformers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..store.errors import DataError

CAPTION_TOKENS = 77
"""Length of a caption as CLIP tokens, padded: the input of encoders that take captions."""

TOKENIZER_FILE = "tokenizer.json"
"""The name of the tokenizer among an encoder's files."""


class CaptionTokenizer:
    """A tokenizer as the `tokenizers` library saves it, with its own truncation and padding.

    Exporting an encoder writes it so that every caption becomes exactly `length` ids, cut so that the end
    token stays. Safe to call from several threads.
    """

    def __init__(self, data: bytes, length: int = CAPTION_TOKENS) -> None:
        """Read a tokenizer. Raises DataError when `data` is none, or one that does not pad to `length`."""
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_str(data.decode())
        except Exception as error:  # the library raises bare exceptions
            raise DataError(
                f"the encoder's tokenizer does not load: {error}", hint="export the encoder again"
            ) from error
        padding = self._tokenizer.padding
        if padding is None or padding["length"] != length or self._tokenizer.truncation is None:
            raise DataError(
                f"the encoder's tokenizer does not make {length} tokens of a caption",
                hint="export the encoder again",
            )
        self.length = length

    def encode(self, captions: Sequence[str]) -> NDArray[np.int64]:
        """Token ids, shape (captions, length)."""
        if not captions:
            return np.zeros((0, self.length), dtype=np.int64)
        return np.array([found.ids for found in self._tokenizer.encode_batch(list(captions))], dtype=np.int64)


@cache
def load_tokenizer(data: bytes) -> CaptionTokenizer:
    """`CaptionTokenizer(data)`, cached: reading the vocabulary takes longer than encoding a caption."""
    return CaptionTokenizer(data)
