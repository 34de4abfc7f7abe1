"""LoRA (arXiv:2106.09685): layers of low rank beside the projections of attention; and DreamBooth with them.

The stored file is the one that diffusers' `load_lora_weights` reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..settings import TrainingConfig
from .method import Method, ParameterGroup
from .word_settings import WordConfig

if TYPE_CHECKING:
    from torch import Tensor

    from ...specs import ModelSpec
    from ..adapters import AdapterShape
    from ..kinds.loaded import LoadedGenerator

TARGETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "unet": {"kv": ("to_k", "to_v"), "kvqo": ("to_k", "to_out.0", "to_q", "to_v")},
    "transformer": {
        "kv": ("attn.add_k_proj", "attn.add_v_proj", "attn.to_k", "attn.to_v"),
        "kvqo": (
            *("attn.add_k_proj", "attn.add_q_proj", "attn.add_v_proj", "attn.to_add_out"),
            *("attn.to_k", "attn.to_out.0", "attn.to_q", "attn.to_v"),
        ),
    },
}
"""Ends of the names of the layers by the network and the setting `targets`, from diffusers' examples."""


@dataclass(frozen=True)
class LoraConfig(WordConfig):
    """Settings of `lora`: `lr` is that of the layers.

    Attributes:
        rank: of the product that each layer adds.
        alpha: the product is scaled by alpha / rank; None is the rank.
        dora: whether each layer trains magnitudes, too (arXiv:2402.09353).
        targets: 'kvqo', the projections K, V, Q and out of all attention, or 'kv', K and V alone.

    Raises InvalidInputError for a setting that cannot work.
    """

    rank: int = 4
    alpha: float | None = None
    dora: bool = False
    targets: str = "kvqo"

    method: ClassVar[str] = "lora"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_counts("rank")
        if self.alpha is not None:
            self._require_positive("alpha")
        self._require_choice("targets", ("kvqo", "kv"))


class Lora(Method):
    """Layers of low rank, on prompts with a word for V* or on captions.

    Defaults: rank, layers, rate, steps and batch of the READMEs of diffusers' `dreambooth` example, section
    LoRA, for each kind of base.
    """

    name = "lora"
    config: ClassVar[type[TrainingConfig]] = LoraConfig
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "world": {
            "iterations": 150,
            "lr": 3e-3,
            "batch_size": 8,
            "augment": "placed",
            "views": 48,
            "resolution": 64,
            "warmup": 10,
            "word": "q",
        },
        "sd": {},
        "sdxl": {"accumulate": 4},
        "sd3": {"accumulate": 4, "lr": 4e-4},
        "flux": {"accumulate": 4},
    }

    @contextmanager
    def training(
        self, generator: LoadedGenerator, spec: ModelSpec, config: LoraConfig
    ) -> Iterator[list[ParameterGroup]]:
        """The layers."""
        from ..adapters import add_layers

        parameters = add_layers(generator, _shape(config, generator.network_name), spec.seed)
        try:
            yield [{"params": parameters, "lr": config.lr, "weight_decay": config.weight_decay}]
        finally:
            for parameter in parameters:
                parameter.requires_grad_(False).grad = None

    def extract(self, generator: LoadedGenerator, config: LoraConfig) -> dict[str, Tensor]:
        """The layers by their names in diffusers' file."""
        from ..adapters import layer_tensors

        del config
        return layer_tensors(generator)

    def apply(
        self, generator: LoadedGenerator, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
    ) -> None:
        """Add the layers to the base."""
        from ..adapters import ADAPTER, load_layers, read_metadata

        generator.reset()
        load_layers(generator, tensors, metadata)
        about = read_metadata(metadata).get(ADAPTER, {})
        generator.placeholder = about.get("modifier_token") or generator.placeholder

    def metadata(self, config: LoraConfig, base_id: str, tensors: Mapping[str, Tensor]) -> dict[str, str]:
        """The settings of peft, for diffusers, with the word and the base beside them."""
        from ..adapters import write_metadata

        network = next(iter(tensors)).partition(".")[0]
        about = {"modifier_token": config.token, "base_id": base_id}
        return write_metadata(network, _shape(config, network), about)


def _shape(config: LoraConfig, network: str) -> AdapterShape:
    from ..adapters import AdapterShape

    alpha = config.rank if config.alpha is None else config.alpha
    return AdapterShape(config.rank, alpha, config.dora, TARGETS[network][config.targets])
