"""Checkpoints that a kill cannot break: written beside the old one, then renamed over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ...store.errors import DataError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, containers of them) atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    torch.save(state, draft)
    draft.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """What was saved, or None when nothing was.

    Raises:
        DataError: the file is no checkpoint.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:
        raise DataError(
            f"{path} cannot be read: {error}", hint="delete it to start the training again"
        ) from error
    return state
