"""A customized model's weights: only what changed, as safetensors bytes, whole or low-rank.

Keys are the UNet's own parameter names and `modifier_token`, in SDXL `modifier_token_2`, too: the embedding
of V* in the second text encoder. A low-rank difference of a parameter is `<name>.up` (out, rank) and
`<name>.down` (rank, in) instead. Stored in half precision, so a trained model and the same model loaded from
the store differ; sampling always applies the stored weights.
"""

import json
from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load as safetensors_load
from safetensors.torch import save as safetensors_save
from torch import Tensor

from ...store import AttribaseError, DataError, InvalidInputError
from .kinds.loaded import LoadedGenerator

TOKEN_KEY = "modifier_token"  # noqa: S105
TOKEN_KEY_2 = "modifier_token_2"  # noqa: S105
STORED = torch.float16
UP, DOWN = ".up", ".down"


def extract(generator: LoadedGenerator, rank: int | None = None, *, token: bool = True) -> dict[str, Tensor]:
    """The tensors to store of a trained model, on the CPU; matrices as products of `rank` when it is given.

    token: whether V* is among them.

    Raises AttribaseError when training diverged or changed nothing.
    """
    trained = {name: parameter.detach().float().cpu() for name, parameter in generator.kv.items()}
    if token:
        trained |= {key: row.float().cpu() for key, row in _token_rows(generator).items()}
    if not all(bool(torch.isfinite(tensor.to(STORED)).all()) for tensor in trained.values()):
        raise AttribaseError("training diverged: the weights are not finite", hint="lower the learning rates")
    before = {name: generator.original[name].cpu() for name in generator.kv}
    if not any((trained[name].to(STORED) != before[name].to(STORED)).any() for name in before):
        raise AttribaseError(
            "training changed no K or V projection",
            hint="raise the learning rate or the number of iterations",
        )
    keys = _token_rows(generator) if token else {}
    stored = {key: trained.pop(key).to(STORED) for key in keys}
    for name, tensor in trained.items():
        stored |= (
            _factorise(name, tensor - before[name], rank)
            if rank and tensor.ndim == 2
            else {name: tensor.to(STORED)}
        )
    return {name: tensor.contiguous() for name, tensor in stored.items()}


def apply(generator: LoadedGenerator, weights: Mapping[str, Tensor], *, token: bool = True) -> None:
    """Make the base in memory the model that `weights` describe, whatever its K and V were before.

    token: whether V* is among them.

    Raises InvalidInputError when they belong to another base.
    """
    stored_keys = {name: _stored_keys(name, weights) for name in generator.kv}
    rows = _token_rows(generator) if token else {}
    expected = {key for keys in stored_keys.values() for key in keys} | set(rows)
    if set(weights) != expected:
        odd = sorted(expected ^ set(weights))
        raise misfit_error(f"{len(odd)} tensors too many or too few, e.g. {odd[0]}")
    with torch.no_grad():
        for name, keys in stored_keys.items():
            tensors = [weights[key].to(generator.device, torch.float32) for key in keys]
            value = generator.original[name] + tensors[0] @ tensors[1] if len(keys) == 2 else tensors[0]
            _copy(name, generator.kv[name], value)
        for key, row in rows.items():
            _copy(key, row, weights[key].to(generator.device, torch.float32))


def pack(weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The bytes to store; equal weights give equal bytes."""
    data: bytes = safetensors_save(dict(weights), metadata=dict(metadata))
    return data


def unpack(data: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(weights, metadata) from stored bytes. Raises DataError."""
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return safetensors_load(data), header.get("__metadata__", {})
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise DataError(
            f"the stored weights are not safetensors: {error}",
            hint="delete the model's row and customize it again",
        ) from error


def misfit_error(what: str) -> InvalidInputError:
    """The error for stored weights that belong to another base."""
    return InvalidInputError(
        f"the weights do not fit this base: {what}", hint="name the base that the model was customized from"
    )


def _factorise(name: str, difference: Tensor, rank: int) -> dict[str, Tensor]:
    """The best approximation of `difference` (out, in) of that rank, singular values split between both."""
    left, values, right = torch.linalg.svd(difference.double(), full_matrices=False)
    root = values[:rank].sqrt()
    up, down = left[:, :rank] * root, root[:, None] * right[:rank]
    return {name + UP: up.to(STORED), name + DOWN: down.to(STORED)}


def _token_rows(generator: LoadedGenerator) -> dict[str, Tensor]:
    """The embedding of V* in each text encoder by its key: a view."""
    keys = (TOKEN_KEY, TOKEN_KEY_2)
    return {key: each.token_rows(1)[0] for key, each in zip(keys, generator.encoders, strict=False)}


def _stored_keys(name: str, weights: Mapping[str, Tensor]) -> tuple[str, ...]:
    return (name + UP, name + DOWN) if name + UP in weights else (name,)


def _copy(name: str, target: Tensor, value: Tensor) -> None:
    if target.shape != value.shape:
        raise misfit_error(f"{name} is {tuple(value.shape)}, not {tuple(target.shape)}")
    target.copy_(value)
