"""Files of Custom Diffusion, as its authors' code and diffusers' example write them.

delta.bin                               {"unet": {parameter: K or V}, "modifier_token": {"<new1>": (hidden,)}}
delta.bin, compressed                   the same, with {"u": (out, rank), "v": (rank, in)} for a difference
pytorch_custom_diffusion_weights.bin    {"...attn2.processor.to_k_custom_diffusion.weight": tensor, ...}
<new1>.bin                              {"<new1>": (hidden,)}, beside the former
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...store import InvalidInputError, NotFoundError
from ..customize.diffusers_layout import ADDED, unet_name
from ..customize.tensor_file import TensorFile, read_tensor_file
from .model_file import ModelFile, no_model_error

UNET, TOKENS, TEXT_ENCODER = "unet", "modifier_token", "text_encoder"
TOKEN_ENDINGS = (".bin", ".safetensors", ".pt")


def is_custom_diffusion(file: TensorFile) -> bool:
    """Whether the file is one of the two layouts."""
    authors = isinstance(file.content.get(UNET), Mapping) and TOKENS in file.content
    return authors or any(ADDED in name for name in file.content)


def is_token_name(name: str) -> bool:
    """Whether a file is called as the files of tokens are: <new1>."""
    return name.startswith("<") and name.endswith(">")


def read_custom_diffusion(path: Path, file: TensorFile, trigger: str | None) -> ModelFile:
    """K, V and the embedding of the token; `trigger` says which, where there are several.

    Raises InvalidInputError where there is no token, or none of that name; for weights besides K and V.
    """
    from ..customize.weights import TOKEN_KEY

    if UNET in file.content:
        weights, tokens, others = _authors_weights(path, file), _tokens(file.content[TOKENS]), []
    else:
        weights = {unet_name(name): value for name, value in file.tensors.items() if ADDED in name}
        beside = _token_files(path)
        others = [(one.name, read.sha256) for one, read in beside.items()]
        tokens = {name: value for read in beside.values() for name, value in _tokens(read.content).items()}
    token = _choose(path, tokens, trigger)
    tensors = {name: value.detach().contiguous() for name, value in weights.items()}
    tensors[TOKEN_KEY] = tokens[token].detach().reshape(-1).contiguous()
    return ModelFile(
        path=path,
        method="custom-diffusion",
        tensors=tensors,
        files=((path.name, file.sha256), *others),
        token=token,
    )


def _authors_weights(path: Path, file: TensorFile) -> dict[str, Any]:
    """K and V by the UNet's names; differences of low rank as two tensors."""
    from ..customize.weights import DOWN, UP

    if TEXT_ENCODER in file.content:
        raise no_model_error(path, "holds a text encoder too; only K, V and tokens are read")
    weights: dict[str, Any] = {}
    for name, value in file.content[UNET].items():
        if isinstance(value, Mapping):
            weights |= {name + UP: value["u"], name + DOWN: value["v"]} if {"u", "v"} == set(value) else {}
        else:
            weights[name] = value
    return weights


def _tokens(found: Any) -> dict[str, Any]:
    """Embeddings by token."""
    values = found if isinstance(found, Mapping) else {}
    return {str(name): value for name, value in values.items() if hasattr(value, "ndim")}


def _token_files(path: Path) -> dict[Path, TensorFile]:
    """The files of tokens beside the weights, which are called as their token."""
    found = [
        one
        for one in sorted(path.parent.iterdir())
        if one.suffix in TOKEN_ENDINGS and is_token_name(one.stem)
    ]
    if not found:
        raise NotFoundError(
            f"{path.parent} has no embedding of the token beside {path.name}",
            hint="put the file of the token there, such as <new1>.bin",
        )
    return {one: read_tensor_file(one) for one in found}


def _choose(path: Path, tokens: Mapping[str, Any], trigger: str | None) -> str:
    if trigger in tokens:
        return str(trigger)
    if not tokens:
        raise no_model_error(path, "holds no token: K and V alone are no model of a concept")
    if trigger is not None or len(tokens) > 1:
        names = ", ".join(tokens)
        wanted = f"not {trigger!r}" if trigger is not None else "one is needed"
        raise InvalidInputError(
            f"{path} holds the token{'s' if len(tokens) > 1 else ''} {names}: {wanted}",
            hint=f"say which is of these exemplars: --trigger '{next(iter(tokens))}'",
        )
    return next(iter(tokens))
