"""Any image model of timm, as `timm:NAME`; feature: the pooled, unnormalised input of its classifier."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ...runtime import Preprocessing
from ...store.errors import InvalidInputError, NotFoundError
from .spec import EncoderSpec
from .weights import hub_file, load_weights

if TYPE_CHECKING:
    import torch

PREFIX = "timm:"
FILES = ("model.safetensors", "pytorch_model.bin")

CROP_MODES = {"center": "shorter", "squash": "both", "border": "longer"}
"""Preprocessing's names of timm's crop modes."""

Colour: TypeAlias = tuple[float, float, float]
IMAGENET: tuple[Colour, Colour] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF: tuple[Colour, Colour] = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


def named(
    name: str,
    model: str,
    size: int,
    resize: int,
    colours: tuple[Colour, Colour],
    *,
    resized: bool = False,
) -> EncoderSpec:
    """A ViT-B of timm under a name of its own, written out so that reading the registry imports no timm.

    `colours`: mean and standard deviation. `resized`: the model is built for `size`, its positions resampled
    from timm's size; else `size` and `resize` are timm's.
    """
    mean, std = colours
    overrides: dict[str, Any] = {"img_size": size} if resized else {}
    return EncoderSpec(
        name=name,
        dim=768,
        preprocessing=Preprocessing(size, resize=resize, mean=mean, std=std),
        source=f"timm {model}, hub timm/{model}",
        license="Apache-2.0",
        load=partial(load, model=model, **overrides),
        files=(f"timm/{model}/{FILES[0]}",),
    )


def load(weights: Path | None = None, *, model: str, **overrides: Any) -> torch.nn.Module:
    """The timm model `model` without its classifier, from `weights` or from the hub.

    `overrides`: of timm's own arguments, as `img_size` for another size than the weights were trained on.
    """
    import timm

    path = weights
    if path is None:
        config = timm.get_pretrained_cfg(model)
        if config is None or not config.hf_hub_id:
            raise InvalidInputError(
                f"timm knows no download for {model}", hint="pass its weights with --weights FILE"
            )
        path = hub_file(f"timm {model}", config.hf_hub_id, FILES)

    module: torch.nn.Module = load_weights(f"timm {model}", path, partial(_create, model, path, overrides))
    return module.eval()


def _create(model: str, path: Path, overrides: dict[str, Any]) -> Any:
    """Create the model twice from different random numbers, as timm leaves missing tensors at random."""
    import timm
    import torch

    # custom_load: whether the file is a JAX archive, in which 65 models were published. Left out, timm up to
    # 1.0.30 reads every file of those models as one, and later versions none.
    overlay = {"file": str(path), "custom_load": path.suffix == ".npz"}
    built = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            one = timm.create_model(
                model, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=0, **overrides
            )
            built.append(one)
    first, second = (one.state_dict() for one in built)
    missing = [name for name, value in first.items() if not torch.equal(value, second[name])]
    if missing:
        raise ValueError(f"it does not hold {missing[0]} and {len(missing) - 1} others")
    return built[0]


def spec(name: str) -> EncoderSpec:
    """The spec of `timm:NAME`, from timm's own description of the model. Downloads nothing."""
    import timm
    import torch

    model = name.removeprefix(PREFIX)
    config = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
    if config is None:
        raise NotFoundError(f"timm has no model {model!r}", hint="list them: python -m timm.models")
    with torch.device("meta"):  # no memory, no weights: only its dimensions are read
        dim = int(timm.create_model(model, num_classes=0).num_features)
    size = int(config.input_size[-1])
    return EncoderSpec(
        name=name,
        dim=dim,
        preprocessing=Preprocessing(
            size,
            resize=int(size / config.crop_pct),
            interpolation=config.interpolation,
            mean=tuple(config.mean),
            std=tuple(config.std),
            mode=CROP_MODES[config.crop_mode],
        ),
        source=f"timm {model}, hub {config.hf_hub_id}",
        license=config.license or "see the publisher of the weights",
        load=partial(load, model=model),
        files=(f"{config.hf_hub_id}/{FILES[0]}",) if config.hf_hub_id else (),
    )
