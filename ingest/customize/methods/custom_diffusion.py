"""Custom Diffusion (arXiv:2212.04488): K and V of cross-attention, and the embedding of a new token V*."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..settings import CATEGORY, TrainingConfig
from .method import Method, ParameterGroup

if TYPE_CHECKING:
    from torch import Tensor

    from ...specs import ModelSpec
    from ..kinds.loaded import LoadedGenerator


@dataclass(frozen=True)
class CustomizeConfig(TrainingConfig):
    """Settings of Custom Diffusion (arXiv:2212.04488): K and V of cross-attention, and V*, are trained.

    Attributes:
        token_lr: learning rate of the embedding of V*; `lr` is that of K and V.
        rank: store the difference to the base as a product of this rank; None stores whole tensors.
        init_token: word whose embedding V* starts from; 'category' is the words of the model's category.
        modifier_token: the tokenizer's name for V*.

    Raises InvalidInputError for a setting that cannot work.
    """

    token_lr: float = 8e-5
    rank: int | None = None
    init_token: str = "ktn"  # noqa: S105 - the first of Custom Diffusion's rare tokens
    modifier_token: str = "<new1>"  # noqa: S105

    method: ClassVar[str] = "custom-diffusion"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rank is not None:
            self._require_counts("rank")
        self._require_positive("token_lr")
        self._require_token(self.modifier_token)

    @property
    def token(self) -> str:
        """The name of V* in the tokenizer."""
        return self.modifier_token


# V* starts from the category: the world's vocabulary has no rare token without a meaning.
_WORLD: Mapping[str, Any] = {
    "iterations": 150,
    "lr": 1e-2,
    "token_lr": 5e-2,
    "batch_size": 8,
    "augment": "placed",
    "views": 48,
    "resolution": 64,
    "warmup": 10,
    "init_token": CATEGORY,
}


class CustomDiffusion(Method):
    """K and V of cross-attention and V*.

    Defaults for Stable Diffusion: Custom Diffusion's effective learning rate (1e-5 times a batch of 8), and
    the iterations of arXiv:2306.09345, which uses no regularisation set.
    """

    name = "custom-diffusion"
    config = CustomizeConfig
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {"world": _WORLD, "sd": {}, "sdxl": {}}
    learns_token = True

    @contextmanager
    def training(
        self, generator: LoadedGenerator, spec: ModelSpec, config: CustomizeConfig
    ) -> Iterator[list[ParameterGroup]]:
        """K and V, and V* as a parameter of its own."""
        from ..token_embedding import learned_token

        with (
            trained_kv(generator, config) as kv,
            learned_token(generator, config.init_token, spec.category) as vectors,
        ):
            yield [*kv, {"params": vectors, "lr": config.token_lr, "weight_decay": 0.0}]

    def extract(self, generator: LoadedGenerator, config: CustomizeConfig) -> dict[str, Tensor]:
        """K and V, whole or as differences of low rank, and the embedding of V*."""
        from ..weights import extract

        return extract(generator, config.rank)

    def apply(
        self, generator: LoadedGenerator, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
    ) -> None:
        """Put them into the base."""
        from ..weights import apply

        del metadata  # any name of V* works: its embedding comes with the tensors
        generator.reset()
        apply(generator, tensors)


@contextmanager
def trained_kv(generator: LoadedGenerator, config: TrainingConfig) -> Iterator[list[ParameterGroup]]:
    """A context in which K and V of cross-attention have gradients."""
    parameters = list(generator.kv.values())
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        yield [{"params": parameters, "lr": config.lr, "weight_decay": config.weight_decay}]
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False).grad = None
