"""Captions to the token ids that a text-conditioned encoder takes, without torch or transformers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..store.errors import DataError

TOKENS = 77
"""Length of a caption as CLIP tokens, padded: what encoders that look at captions take."""

FILE = "tokenizer.json"
"""The name of the tokenizer among the files that lie beside an encoder's model."""


class CaptionTokens:
    """A tokenizer as the `tokenizers` library saves it, with its own truncation and padding.

    Exporting an encoder writes it so that every caption becomes exactly 77 ids (CLIP's length), cut so that
    the end token stays. Safe to call from several threads.
    """

    def __init__(self, data: bytes) -> None:
        """Read the tokenizer. Raises DataError when `data` is none, or does not pad to 77."""
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_str(data.decode())
        except Exception as error:  # the library raises bare exceptions
            raise DataError(
                f"the encoder's tokenizer does not load: {error}", hint="export the encoder again"
            ) from error
        padding = self._tokenizer.padding
        if padding is None or padding["length"] != TOKENS or self._tokenizer.truncation is None:
            raise DataError(
                f"the encoder's tokenizer does not make {TOKENS} tokens of a caption",
                hint="export the encoder again",
            )

    def encode(self, captions: Sequence[str]) -> NDArray[np.int64]:
        """Token ids, shape (captions, 77)."""
        if not captions:
            return np.zeros((0, TOKENS), dtype=np.int64)
        return np.array([found.ids for found in self._tokenizer.encode_batch(list(captions))], dtype=np.int64)


@cache
def caption_tokens(data: bytes) -> CaptionTokens:
    """`CaptionTokens(data)`, read once: a query has one caption, and reading the vocabulary takes longer."""
    return CaptionTokens(data)
