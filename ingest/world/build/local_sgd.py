"""Local SGD (arXiv:1805.09767): training processes that average their weights now and then.

Each process has one thread and its own batches. On a machine with other load, this wastes far less time
than threads that wait for each other in every layer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor


class AveragingGroup:
    """One process's membership of the group. A group of one averages nothing, at the same intervals.

    Args:
        rank: of this process; 0 decides for all.
        size: number of processes.
        rendezvous: file through which they find each other.
        seconds: interval between averages.
        steps: interval in steps of each process instead; needed when all end after the same number of steps.
    """

    def __init__(
        self, rank: int, size: int, rendezvous: Path, *, seconds: float, steps: int | None = None
    ) -> None:
        self.size, self.seconds, self.steps = size, seconds, steps
        self._last = time.monotonic()
        if size > 1:
            dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=size)

    def is_due(self, steps: int) -> bool:
        """Whether to average now, `steps` steps after the last time; others follow after their next step."""
        if self.steps is not None:
            return steps >= self.steps
        return time.monotonic() - self._last > self.seconds

    def average(self, tensors: Sequence[Tensor], steps: int) -> int:
        """Average `tensors` in place over the group, weighted by the steps that each process made.

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

    def broadcast(self, value: float) -> float:
        """The first process's value, so that all processes decide alike."""
        shared = torch.tensor(value, dtype=torch.float64)
        if self.size > 1:
            dist.broadcast(shared, 0)
        return float(shared.item())

    def close(self) -> None:
        """Leave the group."""
        if self.size > 1:
            dist.destroy_process_group()
