"""LoRA layers (arXiv:2106.09685) in a generator: added for training, stored, loaded and taken out again.

They are peft's, in diffusers' own file: `unet.<module>.lora_A.weight` and so on, and the metadata entry
`lora_adapter_metadata`, a JSON object of peft's settings by `unet.<setting>`. What is ours is in the same
entry under `attribase`, which no loader of diffusers reads: safetensors writes several entries in any order,
and equal weights must give equal bytes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...store import AttribaseError, InvalidInputError
from .kinds.loaded import LoadedGenerator
from .weights import STORED, misfit_error

ADAPTER = "attribase"
METADATA_KEY = "lora_adapter_metadata"
"""diffusers' name for the metadata entry."""


@dataclass(frozen=True)
class AdapterShape:
    """What LoRA layers are made of.

    Attributes:
        rank: of the product that each layer adds.
        alpha: the product is scaled by alpha / rank.
        dora: whether each layer has magnitudes, too (arXiv:2402.09353).
        targets: ends of the names of the linear layers that get one.
    """

    rank: int
    alpha: float
    dora: bool
    targets: Sequence[str]


def add_layers(generator: LoadedGenerator, shape: AdapterShape, seed: int) -> list[nn.Parameter]:
    """Add untrained layers to the network until `reset`, and return their parameters, which have gradients.

    Raises InvalidInputError where the network has no layer of such a name.
    """
    from diffusers.training_utils import cast_training_params
    from peft import LoraConfig

    settings = LoraConfig(
        r=shape.rank,
        lora_alpha=shape.alpha,
        use_dora=shape.dora,
        init_lora_weights="gaussian",
        target_modules=list(shape.targets),
    )
    network = generator.network
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network.add_adapter(settings, adapter_name=ADAPTER)
    except ValueError as error:
        raise InvalidInputError(
            f"the base has no layers to add LoRA to: {error}",
            hint="docs/methods.md has the layers",
        ) from error
    generator.undo.callback(network.unload_lora)
    cast_training_params(network)  # to float32, where the network is in half precision
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def layer_tensors(generator: LoadedGenerator) -> dict[str, Tensor]:
    """The layers' tensors by their names in the file, in the precision of the store, on the CPU.

    Raises AttribaseError when training diverged or changed nothing.
    """
    tensors = {name: tensor.detach().float().cpu().to(STORED) for name, tensor in _layers(generator).items()}
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise AttribaseError("training diverged: the weights are not finite", hint="lower the learning rate")
    if not any(bool(tensor.any()) for name, tensor in tensors.items() if ".lora_B." in name):
        raise AttribaseError(
            "training changed no layer", hint="raise the learning rate or the number of iterations"
        )
    return {name: tensors[name].contiguous() for name in sorted(tensors)}


def load_layers(
    generator: LoadedGenerator, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Add stored layers to the base's parts until `reset`: to the network, and to text encoders if any.

    metadata: of the file; without `lora_adapter_metadata` diffusers takes alpha to be the rank.

    Raises InvalidInputError where the layers belong to another base.
    """
    settings = read_metadata(metadata)
    parts = generator.adaptable
    unknown = sorted({name.partition(".")[0] for name in tensors} - set(parts))
    if unknown or not tensors:
        raise misfit_error(f"it has no part {', '.join(unknown)}" if unknown else "there are no LoRA layers")
    try:
        with no_error_log():
            for prefix in sorted({name.partition(".")[0] for name in tensors}):
                chosen = {key: value for key, value in settings.items() if key.startswith(f"{prefix}.")}
                _load_part(generator, prefix, dict(tensors), chosen or None)
    except (ValueError, RuntimeError, TypeError, KeyError) as error:  # of diffusers, peft and torch
        raise misfit_error(" ".join(str(error).split())[:200]) from error
    lost = sorted(set(tensors) - set(_layers(generator)))
    if lost:
        raise misfit_error(f"{len(lost)} tensors have no place in it, e.g. {lost[0]}")


def write_metadata(prefix: str, shape: AdapterShape, about: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of the file: peft's settings of the part called `prefix`, and `about`, which is ours."""
    settings = {
        "r": shape.rank,
        "lora_alpha": shape.alpha,
        "use_dora": shape.dora,
        "target_modules": sorted(shape.targets),
        # older versions of diffusers look these up
        "rank_pattern": {},
        "alpha_pattern": {},
        "lora_bias": False,
    }
    entry = {f"{prefix}.{name}": value for name, value in settings.items()}
    return {METADATA_KEY: json.dumps({**entry, ADAPTER: dict(about)}, sort_keys=True)}


def read_metadata(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What `write_metadata` wrote, or a training script of diffusers; empty where there is none."""
    try:
        found = json.loads(metadata.get(METADATA_KEY, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _load_part(
    generator: LoadedGenerator, prefix: str, tensors: dict[str, Tensor], settings: dict[str, Any] | None
) -> None:
    part = generator.adaptable[prefix]
    if prefix == generator.network_name:
        generator.undo.callback(part.unload_lora)
        part.load_lora_adapter(
            tensors, prefix=prefix, adapter_name=ADAPTER, metadata=settings, low_cpu_mem_usage=True
        )
        part.requires_grad_(False)
        return
    from diffusers.loaders import StableDiffusionLoraLoaderMixin

    generator.undo.callback(_unload_text_encoder, part)
    StableDiffusionLoraLoaderMixin.load_lora_into_text_encoder(
        tensors,
        network_alphas=None,
        text_encoder=part,
        prefix=prefix,
        adapter_name=ADAPTER,
        metadata=settings,
        low_cpu_mem_usage=True,
    )
    part.requires_grad_(False)


@contextmanager
def no_error_log() -> Iterator[None]:
    """Log nothing: diffusers logs the errors that it raises."""
    from diffusers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _unload_text_encoder(part: Any) -> None:
    """As `unload_lora_weights` of diffusers' pipelines does."""
    from diffusers.utils import recurse_remove_peft_layers

    recurse_remove_peft_layers(part)
    if getattr(part, "peft_config", None) is not None:
        del part.peft_config
        part._hf_peft_config_loaded = None


def _layers(generator: LoadedGenerator) -> dict[str, Tensor]:
    """The tensors of all layers in memory by their names in the file."""
    from peft import get_peft_model_state_dict

    return {
        f"{prefix}.{name}": tensor
        for prefix, part in generator.adaptable.items()
        if ADAPTER in (getattr(part, "peft_config", None) or {})
        for name, tensor in get_peft_model_state_dict(part, adapter_name=ADAPTER).items()
    }
