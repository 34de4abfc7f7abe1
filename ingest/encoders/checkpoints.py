"""Weights files as published: read without running code from them, and fitted to a module name by name."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """What a file of safetensors or of `torch.save` holds: tensors and plain values, nothing else is read."""
    import torch

    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return dict(load_file(path))
    # A training checkpoint is mostly optimizer state: mapped, only what is used gets read.
    found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    if not isinstance(found, Mapping):
        raise ValueError(f"it holds a {type(found).__name__}, not named tensors")
    return found


def fill(module: torch.nn.Module, state: Mapping[str, Any]) -> None:
    """Copy `state` into `module`: exactly its tensors, each in its shape. Raises ValueError."""
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in state]
    if missing:
        raise ValueError(f"it lacks {_some(missing)}")
    extra = [name for name in state if name not in wanted]
    if extra:
        raise ValueError(f"it also holds {_some(extra)}")
    for name, tensor in wanted.items():
        if tuple(state[name].shape) != tuple(tensor.shape):
            raise ValueError(f"{name} has shape {tuple(state[name].shape)}, not {tuple(tensor.shape)}")
    module.load_state_dict(dict(state))


def without_prefix(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The entries whose name starts with `prefix`, by the rest of their name."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _some(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} others" if len(names) > 1 else "")
