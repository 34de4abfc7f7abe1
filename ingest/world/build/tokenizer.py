"""A small CLIP tokenizer whose vocabulary has every word of the world's captions as one token."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ....store.errors import NotFoundError

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

MAX_TOKENS = 20
_LETTERS = list("abcdefghijklmnopqrstuvwxyz0123456789,.-*'!?:;()")
_START, _END, _WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
_MAX_COUNT = 50  # counts above are capped, so that rare words still become one token


def build_tokenizer(words: Counter[str], folder: Path) -> CLIPTokenizer:
    """Learn the merges from `words`, save the tokenizer in `folder` and return it as loaded from there."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    learner = Tokenizer(models.BPE(unk_token=_END, end_of_word_suffix=_WORD_END))
    learner.normalizer = normalizers.Lowercase()  # type: ignore[assignment,unused-ignore]
    learner.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment,unused-ignore]
    trainer = trainers.BpeTrainer(
        vocab_size=20_000,
        special_tokens=[_START, _END],
        end_of_word_suffix=_WORD_END,
        min_frequency=1,
        initial_alphabet=_LETTERS,
        show_progress=False,
    )
    lines = [" ".join([word] * min(count, _MAX_COUNT)) for word, count in sorted(words.items())]
    learner.train_from_iterator(lines, trainer)
    learned = json.loads(learner.to_str())["model"]
    known: dict[str, int] = learned["vocab"]
    for letter in _LETTERS:
        for piece in (letter, letter + _WORD_END):
            known.setdefault(piece, len(known))
    pieces = [
        piece for piece, _ in sorted(known.items(), key=lambda item: item[1]) if not piece.startswith("<|")
    ]
    vocabulary = {
        piece: index for index, piece in enumerate([*pieces, _START, _END])
    }  # as in CLIP's vocabulary, last
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in learned["merges"]]
    CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=MAX_TOKENS).save_pretrained(folder)
    return load_tokenizer(folder)


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer saved in `folder`. Raises NotFoundError when it was not built."""
    from transformers import CLIPTokenizer

    if not folder.is_dir():
        raise NotFoundError(f"no tokenizer in {folder.parent}", hint="run the `tokenizer` step first")
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return tokenizer
