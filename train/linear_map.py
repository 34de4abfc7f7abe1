"""The trainable linear maps: whole, inside a few principal directions, or on top of a fixed projection."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..runtime import LinearMapper


class LinearMap(nn.Module):
    """x W' + b with W = I + U (C - I) U', starting at W = I.

    `basis` U is (dim, rank) with orthonormal columns, or None for U = I. As U is orthonormal,
    ||W'W - I||_F = ||C'C - I||_F: the regulariser of the small `core` C is the paper's, exactly.
    """

    basis: Tensor | None

    def __init__(self, dim: int, centre: Tensor | None = None, basis: Tensor | None = None) -> None:
        """Identity; `centre` (dim,) is subtracted from every feature to start with."""
        super().__init__()
        self.register_buffer("basis", basis)
        self.core = nn.Parameter(torch.eye(dim if basis is None else basis.shape[1]))
        self.bias = nn.Parameter(torch.zeros(dim) if centre is None else -centre.clone())

    def forward(self, features: Tensor) -> Tensor:
        """(items, dim) to (items, dim), not normalised."""
        if self.basis is None:
            return features @ self.core.T + self.bias
        inside = features @ self.basis
        return features + (inside @ self.core.T - inside) @ self.basis.T + self.bias

    def weight(self) -> Tensor:
        """W, (dim, dim)."""
        if self.basis is None:
            return self.core
        identity = torch.eye(len(self.basis), device=self.basis.device)
        inner = self.core - torch.eye(len(self.core), device=self.core.device)
        return identity + self.basis @ inner @ self.basis.T

    @torch.no_grad()
    def frozen(self) -> LinearMapper:
        """The same map for numpy."""
        weight: NDArray[np.float32] = self.weight().detach().cpu().numpy().copy()
        return LinearMapper(weight, self.bias.detach().cpu().numpy().copy())


class ProjectedMap(nn.Module):
    """C P (x - m) + b with P and m fixed, starting at C = I and b = 0: at P (x - m).

    P is (rank, dim): the rows are shorter than the features. The regulariser and the decay of C towards I
    hold the map near its start.
    """

    projection: Tensor
    mean: Tensor

    def __init__(self, projection: Tensor, mean: Tensor) -> None:
        """`projection` (rank, dim), `mean` (dim,)."""
        super().__init__()
        self.register_buffer("projection", projection)
        self.register_buffer("mean", mean)
        self.core = nn.Parameter(torch.eye(len(projection)))
        self.bias = nn.Parameter(torch.zeros(len(projection)))

    def forward(self, features: Tensor) -> Tensor:
        """(items, dim) to (items, rank), not normalised."""
        return (features - self.mean) @ self.projection.T @ self.core.T + self.bias

    @torch.no_grad()
    def frozen(self) -> LinearMapper:
        """The same map for numpy."""
        weight = self.core.double() @ self.projection.double()
        bias = self.bias.double() - weight @ self.mean.double()
        return LinearMapper(weight.float().cpu().numpy().copy(), bias.float().cpu().numpy().copy())


def principal_directions(features: Tensor, rank: int) -> Tensor:
    """The `rank` directions of largest variance of (items, dim), as columns (dim, rank).

    No more than dim or the number of items. Signs are fixed, so the same features give the same columns.
    """
    centred = features.double() - features.double().mean(0)
    vectors: Tensor = torch.linalg.eigh(centred.T @ centred).eigenvectors
    kept = vectors.flip(1)[:, : min(rank, *features.shape)]
    largest = kept.gather(0, kept.abs().argmax(0, keepdim=True))
    return (kept * largest.sign()).float()
