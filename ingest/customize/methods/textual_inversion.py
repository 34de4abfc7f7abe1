"""Textual Inversion (arXiv:2208.01618): only the embedding of V* trains, as one vector or several.

The stored file is the one that diffusers' `load_textual_inversion` reads: {V*'s name: (vectors, hidden)}. For
SDXL it has one entry for each text encoder, `clip_l` and `clip_g`, which are loaded one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ....store import AttribaseError, InvalidInputError
from ..settings import CATEGORY, TrainingConfig
from .method import Method, ParameterGroup

if TYPE_CHECKING:
    from torch import Tensor

    from ...specs import ModelSpec
    from ..kinds.loaded import LoadedGenerator


SINGLE_FILE_KEYS = ("clip_l", "clip_g")
"""What files for SDXL call the vectors of the first and of the second text encoder."""


@dataclass(frozen=True)
class TextualInversionConfig(TrainingConfig):
    """Settings of Textual Inversion: `lr` is that of the embedding, which does not decay.

    Attributes:
        vectors: tokens that V* stands for, each with an embedding of its own.
        init_token: word whose embedding all start from; 'category' is the words of the model's category.
        modifier_token: the tokenizer's name for the first; the others are <name>_1, <name>_2 and so on.

    Raises InvalidInputError for a setting that cannot work.
    """

    iterations: int = 3000
    lr: float = 2e-3
    augment: str = "none"
    vectors: int = 1
    init_token: str = CATEGORY
    modifier_token: str = "<new1>"  # noqa: S105

    method: ClassVar[str] = "textual-inversion"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_counts("vectors")
        self._require_token(self.modifier_token)

    @property
    def token(self) -> str:
        """The name of V* in the tokenizer."""
        return self.modifier_token


class TextualInversion(Method):
    """V* alone.

    Defaults for Stable Diffusion: those of the README of diffusers' `textual_inversion` example: 3000 steps
    of four images at 5e-4, which its `--scale_lr` multiplies by four.
    """

    name = "textual-inversion"
    config = TextualInversionConfig
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "world": {
            "iterations": 150,
            "lr": 5e-2,
            "batch_size": 8,
            "augment": "placed",
            "views": 48,
            "resolution": 64,
            "warmup": 10,
        },
        "sd": {},
        "sdxl": {},
    }
    learns_token = True

    def place_token(self, generator: LoadedGenerator, config: TextualInversionConfig) -> None:
        """Add the tokens of further vectors."""
        generator.add_vectors(config.vectors)
        super().place_token(generator, config)

    def placeholder(self, settings: Mapping[str, Any], token: str) -> str:
        """The names of all vectors."""
        return " ".join(vector_names(token, settings.get("vectors", 1)))

    @contextmanager
    def training(
        self, generator: LoadedGenerator, spec: ModelSpec, config: TextualInversionConfig
    ) -> Iterator[list[ParameterGroup]]:
        """The embeddings of V*."""
        from ..token_embedding import learned_token

        with learned_token(generator, config.init_token, spec.category, config.vectors) as vectors:
            yield [{"params": vectors, "lr": config.lr, "weight_decay": 0.0}]

    def extract(self, generator: LoadedGenerator, config: TextualInversionConfig) -> dict[str, Tensor]:
        """(vectors, hidden) by the name of V*, or by SINGLE_FILE_KEYS where there are two text encoders.

        Raises AttribaseError when training diverged.
        """
        from ..weights import STORED

        encoders = generator.encoders
        keys = (config.modifier_token,) if len(encoders) == 1 else SINGLE_FILE_KEYS
        rows = [encoder.token_rows(config.vectors).float().cpu().to(STORED) for encoder in encoders]
        if not all(bool(vectors.isfinite().all()) for vectors in rows):
            raise AttribaseError(
                "training diverged: the embedding is not finite", hint="lower the learning rate"
            )
        return {key: vectors.contiguous() for key, vectors in zip(keys, rows, strict=True)}

    def apply(
        self, generator: LoadedGenerator, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
    ) -> None:
        """Put the vectors into the rows of V*."""
        import torch

        del metadata
        generator.reset()
        encoders = generator.encoders
        keys = SINGLE_FILE_KEYS if len(encoders) > 1 else tuple(tensors)
        found = [tensors[key] for key in keys if key in tensors]
        hidden = [encoder.embedding.embedding_dim for encoder in encoders]
        if [each.shape[1:] for each in found] != [(width,) for width in hidden] or len(
            {len(each) for each in found}
        ) != 1:
            needed = " and ".join(f"one of (vectors, {width})" for width in hidden)
            raise InvalidInputError(
                f"the embedding of V* does not fit this base: {needed} is needed",
                hint="name the base that the model was customized from",
            )
        generator.add_vectors(len(found[0]))
        with torch.no_grad():
            for encoder, vectors in zip(encoders, found, strict=True):
                encoder.token_rows(len(vectors)).copy_(vectors)
        generator.placeholder = self.placeholder({"vectors": len(found[0])}, generator.token)


def vector_names(token: str, count: int) -> list[str]:
    """What diffusers calls the tokens of `count` vectors: <new1>, <new1>_1, <new1>_2 ..."""
    return [token, *(f"{token}_{number}" for number in range(1, count))]
