"""How the learning rate falls: a short warm-up, a plateau, then half a cosine."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ....store.errors import DataError

_FLOOR = 0.03


def learning_rate(peak: float, step: int, share: float, *, warmup: int, plateau: float) -> float:
    """The rate at `step`, when `share` in [0, 1] of the budget is used; flat until `plateau` of it."""
    rising = min(1.0, (step + 1) / warmup)
    if share <= plateau:
        return peak * rising
    fallen = min(1.0, (share - plateau) / (1 - plateau))
    return peak * rising * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * fallen)))


class Float32Attention:
    """A diffusers attention processor for (batch, tokens, dim), without masks, groups or residuals."""

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **_: Any
    ) -> Tensor:
        """Attend from `hidden_states` to `encoder_hidden_states`, or to itself."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            part.view(len(part), part.shape[1], attn.heads, -1).transpose(1, 2).float()
            for part in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
        )
        with torch.autocast(hidden_states.device.type, enabled=False):
            mixed = F.scaled_dot_product_attention(query, key, value)
        projected: Tensor = attn.to_out[0](mixed.transpose(1, 2).flatten(2))
        return projected


def bfloat16_is_fast() -> bool:
    """Whether this CPU multiplies bfloat16 natively."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


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
