"""Files of LoRA, as diffusers and kohya's scripts write them, read by diffusers' own loaders.

    unet.<module>.lora_A.weight, lora_B.weight, text_encoder.<module>. ...      diffusers
    transformer.<module>.lora_A.weight ...                                      diffusers, of SD 3 and Flux
    lora_unet_<module>.lora_down.weight, .lora_up.weight, .alpha, lora_te_...   kohya, not of SD 3

The loaders put the layers into the base's parts, of which only the shapes are there; what they put in, and
with which rank and alpha, is stored: always in diffusers' own layout.
"""

import inspect
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...store import InvalidInputError
from ..customize.tensor_file import TensorFile
from .model_file import HINT, ModelFile, no_model_error
from .shapes import BaseShapes, misfit_error

LAYERS = (".lora_A.", ".lora_down.", ".lora.down.", ".lora_linear_layer.down.", "_lora.down.")
"""Parts of the names of a layer's first matrix."""

UNSUPPORTED = {
    ".hada_": "LoHa",
    ".lokr_": "LoKr",
    ".oft_": "OFT",
    ".dora_scale": "DoRA in kohya's layout",
}
"""By part of a name, other kinds of layers, which diffusers' loaders leave out or refuse."""

NETWORKS = ("unet", "transformer")
UNET_BLOCKS = ("down_blocks.", "mid_block.", "up_blocks.")
"""Beginnings of names in files of the first versions of diffusers, which are of the UNet alone."""

KEPT = ("r", "lora_alpha", "rank_pattern", "alpha_pattern", "target_modules", "use_dora", "lora_bias")
"""The settings of peft that a file needs."""

FOLDERS = "ss_dataset_dirs"
"""kohya's name for the training folders, called as `10_sks dog`: repeats, trigger word, category."""


def is_lora(file: TensorFile) -> bool:
    """Whether the file holds layers of LoRA, or of a kind like it."""
    return any(part in name for name in file.tensors for part in (*LAYERS, *UNSUPPORTED))


def read_lora(path: Path, file: TensorFile, trigger: str | None, shapes: BaseShapes) -> ModelFile:
    """The layers, by their names in diffusers' file.

    Raises InvalidInputError without a trigger word, for layers of another kind, or of another base.
    """
    from ..customize.adapters import METADATA_KEY

    other = next(
        (kind for part, kind in UNSUPPORTED.items() if any(part in one for one in file.tensors)), None
    )
    if other is not None:
        raise InvalidInputError(f"{path} holds layers of {other}, which diffusers does not load", hint=HINT)
    about = {name: value for name, value in file.metadata.items() if name not in (METADATA_KEY, "format")}
    if trigger is None:
        raise InvalidInputError(
            f"{path} does not say by which word prompts name what it was trained on",
            hint=_trigger_hint(about),
        )
    tensors, settings = _load(path, file, shapes)
    stated = {"modifier_token": trigger, "base_id": shapes.base.base_id}
    return ModelFile(
        path=path,
        method="lora",
        tensors=tensors,
        files=((path.name, file.sha256),),
        token=trigger,
        settings={"word": trigger},
        about=about,
        metadata={METADATA_KEY: json.dumps({**settings, "attribase": stated}, sort_keys=True)},
    )


def _trigger_hint(about: Mapping[str, str]) -> str:
    say = "--trigger WORD; of a model without one, the plain word, such as dog"
    try:
        folders = list(json.loads(about.get(FOLDERS, "{}")))
    except (ValueError, TypeError):
        folders = []
    return f"{say}; its training folder was called {folders[0]!r}" if folders else say


def _load(path: Path, file: TensorFile, shapes: BaseShapes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Layers by name, and settings of peft by `<part>.<setting>`, as stock diffusers has them in memory."""
    from ..customize.adapters import no_error_log, read_metadata

    given = file.tensors
    if all(name.startswith(UNET_BLOCKS) for name in given):
        given = {f"{NETWORKS[0]}.{name}": value for name, value in given.items()}
    tensors: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    with no_error_log(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loader = shapes.pipeline_class
            state, alphas = _converted(loader, given, shapes)
            for prefix in sorted({name.partition(".")[0] for name in state}):
                own = {name: value for name, value in state.items() if name.startswith(f"{prefix}.")}
                part = _checked_part(path, prefix, own, shapes)
                said = {k: v for k, v in read_metadata(file.metadata).items() if k.startswith(f"{prefix}.")}
                layers, config = _load_part(loader, part, prefix, own, alphas, said or None)
                tensors |= {f"{prefix}.{name}": value.contiguous() for name, value in layers.items()}
                settings |= {f"{prefix}.{name}": value for name, value in config.items()}
        except (ValueError, RuntimeError, TypeError, KeyError, AttributeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise no_model_error(
                path, f"cannot be loaded by diffusers as LoRA on {shapes.name}: {reason}"
            ) from error
    return tensors, settings


def _converted(loader: Any, given: dict[str, Any], shapes: BaseShapes) -> tuple[dict[str, Any], Any]:
    """The layers by diffusers' names, and the alphas that stand beside them."""
    if shapes.has_part("unet"):
        options = {"unet_config": shapes.unet.config}
    else:
        known = inspect.signature(loader.lora_state_dict).parameters
        options = {"return_alphas": True} if "return_alphas" in known else {}
    found = loader.lora_state_dict(given, **options)
    return found if isinstance(found, tuple) else (found, None)


def _checked_part(path: Path, prefix: str, state: Mapping[str, Any], shapes: BaseShapes) -> Any:
    """The part of the base that the layers are for.

    Raises InvalidInputError where a layer has no place in it, or another shape.
    """
    if not shapes.has_part(prefix):
        raise misfit_error(path, shapes.name, next(iter(state)), f"there is no {prefix}")
    part = shapes.part(prefix)
    for name, value in _peft_names(prefix, state, part).items():
        module, _, matrix = name.partition(".lora_")
        try:
            weight = part.get_submodule(module).weight
        except AttributeError:
            raise misfit_error(
                path, shapes.name, f"it has {prefix}.{module}", "there is no such layer"
            ) from None
        axis = {"A.weight": 1, "B.weight": 0}.get(matrix)
        if axis is not None and value.ndim > 1 and value.shape[axis] != weight.shape[axis]:
            raise misfit_error(
                path,
                shapes.name,
                f"{prefix}.{name} is {tuple(value.shape)}",
                f"the layer is {tuple(weight.shape)}",
            )
    return part


def _peft_names(prefix: str, state: Mapping[str, Any], part: Any) -> dict[str, Any]:
    """The layers by peft's names, as diffusers' loaders convert them."""
    from diffusers.utils import convert_state_dict_to_diffusers, convert_state_dict_to_peft
    from diffusers.utils.state_dict_utils import convert_unet_state_dict_to_peft

    own = {name.removeprefix(f"{prefix}."): value for name, value in state.items()}
    if prefix in NETWORKS:
        found: dict[str, Any] = own if "lora_A" in next(iter(own)) else convert_unet_state_dict_to_peft(own)
        return found
    found = convert_state_dict_to_peft(convert_state_dict_to_diffusers(own))
    flat = not hasattr(part, "text_model")
    return {name.removeprefix("text_model.") if flat else name: value for name, value in found.items()}


def _load_part(
    loader: Any,
    part: Any,
    prefix: str,
    state: Mapping[str, Any],
    alphas: Mapping[str, Any] | None,
    settings: dict[str, Any] | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What diffusers makes of the layers of one `part`, which is changed: peft's tensors and settings."""
    from peft import get_peft_model_state_dict

    from ..customize.adapters import ADAPTER

    options = {"network_alphas": alphas, "adapter_name": ADAPTER, "metadata": settings}
    if prefix in NETWORKS:
        part.load_lora_adapter(dict(state), prefix=prefix, low_cpu_mem_usage=True, **options)
    else:
        # memory that is not touched; transformers moves layers to where the part is
        part.to_empty(device="cpu")
        loader.load_lora_into_text_encoder(
            dict(state), text_encoder=part, prefix=prefix, low_cpu_mem_usage=True, **options
        )
    layers = get_peft_model_state_dict(part, adapter_name=ADAPTER)
    if len(layers) < len(state):
        raise ValueError(f"{len(state) - len(layers)} of {len(state)} tensors of {prefix} have no place")
    config = {name: getattr(part.peft_config[ADAPTER], name) for name in KEPT}
    return layers, {**config, "target_modules": sorted(config["target_modules"])}
