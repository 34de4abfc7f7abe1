"""`captioned`: K and V of cross-attention on images with their captions, without V*: for sets of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ....store import InvalidInputError
from ..settings import TrainingConfig
from .custom_diffusion import trained_kv
from .method import Method, ParameterGroup

if TYPE_CHECKING:
    from torch import Tensor

    from ...specs import ModelSpec
    from ..kinds.loaded import LoadedGenerator


@dataclass(frozen=True)
class CaptionedConfig(TrainingConfig):
    """Settings of `captioned`: those of all methods, and how K and V are stored.

    Attributes:
        augment: 'none' by default: the words of other augmentations would change the captions.
        iterations_per_image: further steps for each exemplar after the first: larger sets train longer.
        rank: store the difference to the base as a product of this rank; None stores whole tensors.

    Raises InvalidInputError for a setting that cannot work.
    """

    augment: str = "none"
    iterations_per_image: int = 5
    rank: int | None = None

    method: ClassVar[str] = "captioned"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.iterations_per_image < 0:
            raise InvalidInputError(
                f"iterations_per_image is {self.iterations_per_image}", hint="use 0 or more"
            )
        if self.rank is not None:
            self._require_counts("rank")


class Captioned(Method):
    """K and V alone, on pairs of an exemplar and its caption (arXiv:2306.09345, sections 5 and C.2).

    Defaults: the learning rates of Custom Diffusion.
    """

    name = "captioned"
    config = CaptionedConfig
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "world": {
            "iterations": 150,
            "lr": 1e-2,
            "batch_size": 8,
            "resolution": 64,
            "warmup": 10,
            "iterations_per_image": 4,
        },
        "sd": {},
        "sdxl": {},
    }

    def settings_for(self, spec: ModelSpec, config: CaptionedConfig) -> CaptionedConfig:
        """As many steps more as the set has images after the first, times `iterations_per_image`."""
        further = config.iterations_per_image * (len(spec.exemplar_ids) - 1)
        return config.with_changes(iterations=config.iterations + further)

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
