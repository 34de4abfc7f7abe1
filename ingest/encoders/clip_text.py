"""Text towers of open_clip, CLIP's and SigLIP's, with tokenizers as files of the `tokenizers` library."""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...store.errors import InvalidInputError
from .silence import silence_loading
from .spec import TextTower
from .weights import hub_file

if TYPE_CHECKING:
    import torch

CLIP_TOKENS = 77
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")

SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""CLIP's words: contractions, runs of letters, single digits, runs of other signs."""


def text_tower(model: Any, arch: str, weights: Path | None) -> TextTower | None:
    """The text tower of an open_clip `model` in evaluation mode, which loses its image tower.

    None where its tokenizer is neither CLIP's, nor beside `weights`, nor on the hub.
    """
    import open_clip

    config: Mapping[str, Any] = (open_clip.get_model_config(arch) or {})["text_cfg"]
    length = int(config.get("context_length", CLIP_TOKENS))
    repository = config.get("hf_tokenizer_name")
    try:
        tokenizer = _hub_tokenizer(repository, config, weights) if repository else clip_tokenizer()
    except InvalidInputError:
        return None
    if repository is None and int(config.get("vocab_size", 0)) < tokenizer.get_vocab_size():
        return None  # another tokenizer, which open_clip does not name
    tokenizer.enable_truncation(length)
    pad = tokenizer.padding or {"pad_id": 0, "pad_token": "!"}
    tokenizer.enable_padding(length=length, pad_id=pad["pad_id"], pad_token=pad["pad_token"])
    return TextTower(_module(model), tokenizer.to_str().encode(), length)


def clip_tokenizer() -> Any:
    """CLIP's byte-pair tokenizer from open_clip's vocabulary, which the package brings.

    It lowers, joins white space and straightens quotes as open_clip does, without ftfy's repairs of broken
    Unicode and without HTML entities. Padding is 0, as open_clip's.

    Source: open_clip.tokenizer.SimpleTokenizer; transformers.convert_slow_tokenizer.CLIPConverter.
    """
    from open_clip.tokenizer import SimpleTokenizer
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    slow = SimpleTokenizer()
    ranks = sorted(slow.bpe_ranks, key=slow.bpe_ranks.__getitem__)
    start, end = "<start_of_text>", "<end_of_text>"
    tokenizer = Tokenizer(
        models.BPE(vocab=slow.encoder, merges=ranks, end_of_word_suffix="</w>", unk_token=end)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            *_straight_quotes(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Lowercase(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(one, slow.encoder[one]) for one in (start, end)]
    )
    return tokenizer


def canonical(tokenizer: Any) -> Any:
    """`tokenizer` after big_vision's canonical form: lower case, no ASCII punctuation, single spaces.

    Source: open_clip.tokenizer.canonicalize_text.
    """
    from tokenizers import Regex, normalizers

    signs = "".join(f"\\{sign}" for sign in string.punctuation)
    steps = [
        *_straight_quotes(),
        normalizers.Replace("_", " "),
        normalizers.Replace(Regex(f"[{signs}]"), ""),
        normalizers.Lowercase(),
        normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(),
    ]
    tokenizer.normalizer = normalizers.Sequence(
        [*steps, *([tokenizer.normalizer] if tokenizer.normalizer else [])]
    )
    return tokenizer


def _straight_quotes() -> list[Any]:
    """Curly quotes to straight ones, as ftfy.fix_text makes them."""
    from tokenizers import Regex, normalizers

    single, double = Regex("[\u02bc\u2018-\u201b]"), Regex("[\u201c-\u201f]")
    return [normalizers.Replace(single, "'"), normalizers.Replace(double, '"')]


def _hub_tokenizer(repository: str, config: Mapping[str, Any], weights: Path | None) -> Any:
    """The tokenizer beside `weights`, else of the hub. Raises InvalidInputError where there is none."""
    from transformers import AutoTokenizer

    if weights is not None and (weights.parent / TOKENIZER_FILES[0]).is_file():
        folder = weights.parent
    else:
        for name in TOKENIZER_FILES:
            folder = hub_file(repository, repository, (name,)).parent
    with silence_loading():
        slow = AutoTokenizer.from_pretrained(folder)
    tokenizer = slow.backend_tokenizer
    tokenizer.enable_padding(pad_id=slow.pad_token_id, pad_token=slow.pad_token)
    cleaned = (config.get("tokenizer_kwargs") or {}).get("clean", "whitespace")
    return canonical(tokenizer) if cleaned == "canonicalize" else tokenizer


def _module(model: Any) -> torch.nn.Module:
    """`encode_text` as a module."""
    import torch

    class Texts(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            model.visual = torch.nn.Identity()  # its weights are in the image tower's file
            self.model = model

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            features: torch.Tensor = self.model.encode_text(tokens)
            return features

    return Texts().eval()
