"""How the learning rate falls: a short warm-up, a plateau, then half a cosine."""

from __future__ import annotations

import math

_FLOOR = 0.03


def learning_rate(peak: float, step: int, share: float, *, warmup: int, plateau: float) -> float:
    """The rate at `step`, when `share` in [0, 1] of the budget is used; flat until `plateau` of it."""
    rising = min(1.0, (step + 1) / warmup)
    if share <= plateau:
        return peak * rising
    fallen = min(1.0, (share - plateau) / (1 - plateau))
    return peak * rising * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * fallen)))
