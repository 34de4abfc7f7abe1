"""Several training processes that average their weights every few seconds ("local SGD", arXiv:1805.09767).

Each process has one thread and its own batches. On a machine that other work shares this loses far less
than threads that wait for each other in every layer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor


class Peers:
    """One process's side of the group. `alone` groups average nothing but keep the same clock."""

    def __init__(self, rank: int, size: int, rendezvous: Path, every: float = 8.0) -> None:
        self.rank, self.size, self.every = rank, size, every
        self._last = time.monotonic()
        if size > 1:
            dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=size)

    def due(self) -> bool:
        """Whether this process should average now; the others follow within a step of theirs."""
        return time.monotonic() - self._last > self.every

    def average(self, tensors: Sequence[Tensor], steps: int) -> int:
        """Average `tensors` in place over the group, weighted by the steps each process made.

        Returns:
            The steps that the whole group made.
        """
        self._last = time.monotonic()
        if self.size == 1:
            return steps
        total = torch.tensor(float(steps))
        dist.all_reduce(total)
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors]) * (steps / total.item())
        dist.all_reduce(flat)
        start = 0
        for tensor in tensors:
            tensor.data.copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()
        return int(total.item())

    def agree(self, value: float) -> float:
        """The first process's value, so that all stop at the same moment."""
        shared = torch.tensor(value, dtype=torch.float64)
        if self.size > 1:
            dist.broadcast(shared, 0)
        return float(shared.item())

    def close(self) -> None:
        """Leave the group."""
        if self.size > 1:
            dist.destroy_process_group()
