"""Any image model of timm, as `timm:NAME`; feature: what its classifier would see (pooled, unnormalised)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime import Preprocessing
from ...store.errors import InvalidInputError, NotFoundError
from .spec import EncoderSpec
from .weights import hub_file, load_checked

if TYPE_CHECKING:
    import torch

PREFIX = "timm:"
FILES = ("model.safetensors", "pytorch_model.bin")


def load(weights: Path | None = None, *, model: str) -> torch.nn.Module:
    """The timm model `model` without its classifier, from `weights` or from the hub."""
    import timm

    path = weights
    if path is None:
        config = timm.get_pretrained_cfg(model)
        if config is None or not config.hf_hub_id:
            raise InvalidInputError(
                f"timm knows no download for {model}", hint="pass its weights with --weights FILE"
            )
        path = hub_file(f"timm {model}", config.hf_hub_id, FILES)

    def create() -> Any:
        overlay = {"file": str(path)}
        return timm.create_model(model, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=0)

    module: torch.nn.Module = load_checked(f"timm {model}", path, create)
    return module.eval()


def spec(name: str) -> EncoderSpec:
    """The spec of `timm:NAME`, from timm's own description of the model. Downloads nothing."""
    import timm
    import torch

    model = name.removeprefix(PREFIX)
    config = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
    if config is None:
        raise NotFoundError(f"timm has no model {model!r}", hint="list them: python -m timm.models")
    with torch.device("meta"):  # no memory, no weights: only its width is asked for
        dim = int(timm.create_model(model, num_classes=0).num_features)
    size = int(config.input_size[-1])
    squash = config.crop_mode == "squash"
    return EncoderSpec(
        name=name,
        dim=dim,
        preprocessing=Preprocessing(
            size,
            resize=None if squash else int(size / config.crop_pct),
            interpolation=config.interpolation,
            mean=tuple(config.mean),
            std=tuple(config.std),
        ),
        source=f"timm {model}, hub {config.hf_hub_id}",
        license=config.license or "see the publisher of the weights",
        load=partial(load, model=model),
    )
