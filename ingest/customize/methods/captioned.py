"""`captioned`: K and V of cross-attention on images with their captions, without V*: for sets of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..settings import TrainingConfig
from .custom_diffusion import trained_kv
from .method import Method, ParameterGroup

if TYPE_CHECKING:
    from torch import Tensor

    from ...specs import ModelSpec
    from ..generator import LoadedGenerator


@dataclass(frozen=True)
class CaptionedConfig(TrainingConfig):
    """Settings of `captioned`: those of all methods, and how K and V are stored.

    Attributes:
        augment: 'none' by default: the words of other augmentations would change the captions.
        rank: store the difference to the base as a product of this rank; None stores whole tensors.

    Raises InvalidInputError for a setting that cannot work.
    """

    augment: str = "none"
    rank: int | None = None

    method: ClassVar[str] = "captioned"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rank is not None:
            self._require_counts("rank")


class Captioned(Method):
    """K and V alone, on pairs of an exemplar and its caption (arXiv:2306.09345, sections 5 and C.2).

    Defaults: the learning rates of Custom Diffusion.
    """

    name = "captioned"
    config = CaptionedConfig
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "world": {"iterations": 150, "lr": 1e-2, "batch_size": 8, "resolution": 64, "warmup": 10},
        "sd": {},
    }

    @contextmanager
    def training(
        self, generator: LoadedGenerator, spec: ModelSpec, config: CaptionedConfig
    ) -> Iterator[list[ParameterGroup]]:
        """K and V."""
        del spec
        with trained_kv(generator, config) as groups:
            yield groups

    def extract(self, generator: LoadedGenerator, config: CaptionedConfig) -> dict[str, Tensor]:
        """K and V, whole or as differences of low rank."""
        from ..weights import extract

        return extract(generator, config.rank, token=False)

    def apply(
        self, generator: LoadedGenerator, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
    ) -> None:
        """Put them into the base."""
        from ..weights import apply

        del metadata
        generator.reset()
        apply(generator, tensors, token=False)
