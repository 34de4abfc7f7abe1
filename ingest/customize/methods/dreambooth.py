"""DreamBooth (arXiv:2208.12242): the whole UNet, on prompts with a rare word, with or without a prior.

Stored is the difference to the base in half precision; samples are drawn with the sum of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .lora import Lora, LoraConfig
from .method import Method, ParameterGroup, stored_about
from .word_settings import PriorConfig

if TYPE_CHECKING:
    from torch import Tensor

    from ...specs import ModelSpec
    from ..kinds.loaded import LoadedGenerator


@dataclass(frozen=True)
class DreamboothConfig(PriorConfig):
    """Settings of `dreambooth`: `lr` is that of the UNet.

    Raises InvalidInputError for a setting that cannot work.
    """

    iterations: int = 400
    lr: float = 5e-6

    method: ClassVar[str] = "dreambooth"


@dataclass(frozen=True)
class DreamboothLoraConfig(LoraConfig, PriorConfig):
    """Settings of `dreambooth-lora`: those of `lora`, and those of the prior.

    Raises InvalidInputError for a setting that cannot work.
    """

    method: ClassVar[str] = "dreambooth-lora"


_PRIOR: Mapping[str, Mapping[str, Any]] = {
    "world": {"prior_steps": 14, "prior_guidance": 3.0},
    "sdxl": {"prior_guidance": 5.0},
    "sd3": {"prior_steps": 28, "prior_guidance": 7.0},
    "flux": {"prior_steps": 28, "prior_guidance": 3.5},
}
"""How the pipelines of diffusers draw by default; the embedded world as its samples are drawn."""


class Dreambooth(Method):
    """The UNet.

    Defaults: those of the README of diffusers' `dreambooth` example, which has 800 steps with a prior of 200
    images.
    """

    name = "dreambooth"
    config = DreamboothConfig
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "world": {
            "iterations": 150,
            "lr": 1e-4,
            "batch_size": 8,
            "augment": "placed",
            "views": 48,
            "resolution": 64,
            "warmup": 10,
            "word": "q",
            **_PRIOR["world"],
        },
        "sd": {},
        "sdxl": _PRIOR["sdxl"],
    }

    @contextmanager
    def training(
        self, generator: LoadedGenerator, spec: ModelSpec, config: DreamboothConfig
    ) -> Iterator[list[ParameterGroup]]:
        """All parameters of the UNet."""
        from ..network_weights import trained_network

        del spec
        with trained_network(generator) as parameters:
            yield [{"params": parameters, "lr": config.lr, "weight_decay": config.weight_decay}]

    def extract(self, generator: LoadedGenerator, config: DreamboothConfig) -> dict[str, Tensor]:
        """The differences by the UNet's own names, and a digest of what they give."""
        from ..network_weights import differences

        del config
        return differences(generator)

    def apply(
        self, generator: LoadedGenerator, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
    ) -> None:
        """Add the differences to the base."""
        from ..network_weights import add_differences

        generator.reset()
        add_differences(generator, tensors)
        generator.placeholder = stored_about(metadata).get("modifier_token") or generator.placeholder


class DreamboothLora(Lora):
    """LoRA on prompts with a word for V*, with or without a prior."""

    name = "dreambooth-lora"
    config = DreamboothLoraConfig
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        kind: {**settings, **_PRIOR.get(kind, {})} for kind, settings in Lora.defaults.items()
    }
