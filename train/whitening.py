"""A map in closed form: centre each kind of item, then shrink the directions in which a sample differs from
its own exemplars.

    h(x) = A U'(x - m),   h~(y) = A U'(y - m~),   A = (S + r tr(S)/K I)^(-1/2)

m is the gallery's mean, m~ the samples', U the K principal directions of the gallery, S the within-model
scatter: the mean over models of the mean of d d', d = U'((x - m) - (y - m~)) over a model's pairs of
exemplar x and sample y. r is the ridge. Cosines of the mapped rows are then Fisher's (linear discriminant
analysis with each model as a class, the ridge as in Friedman, JASA 1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .linear_map import principal_directions


@dataclass(frozen=True)
class Whitening:
    """h(x) = (x - real_mean) P', h~(y) = (y - synth_mean) P'; `projection` P is (rank, dim)."""

    projection: Tensor
    real_mean: Tensor
    synth_mean: Tensor


def fit_whitening(
    images: Tensor, pairs: Sequence[tuple[Tensor, Tensor]], rank: int | None, ridge: float
) -> Whitening:
    """The closed form from a gallery and the models' items.

    Args:
        images: (items, dim) the gallery's features.
        pairs: for each model its exemplars (exemplars, dim) and its samples (samples, dim).
        rank: directions to keep; None keeps all that the gallery has.
        ridge: r, above 0.

    The projection is scaled so that mapped gallery images have a mean length of 1.
    """
    basis = principal_directions(images, rank or images.shape[1]).double()
    real_mean = images.double().mean(0)
    synth_mean = torch.cat([samples for _, samples in pairs]).double().mean(0)
    scatter = torch.zeros(basis.shape[1], basis.shape[1], dtype=torch.float64)
    for exemplars, samples in pairs:
        scatter += within_scatter(
            (exemplars.double() - real_mean) @ basis, (samples.double() - synth_mean) @ basis
        )
    scatter /= len(pairs)
    floor = ridge * scatter.diagonal().mean()
    values, vectors = torch.linalg.eigh(scatter)
    root = (vectors * (values.clamp_min(0) + floor).rsqrt()) @ vectors.T
    projection = root @ basis.T
    projection /= ((images.double() - real_mean) @ projection.T).norm(dim=1).mean()
    return Whitening(projection.float(), real_mean.float(), synth_mean.float())


def within_scatter(exemplars: Tensor, samples: Tensor) -> Tensor:
    """Mean of d d' over all pairs, d = exemplar - sample, (dim, dim), without a matrix of pairs."""
    offset = exemplars.mean(0) - samples.mean(0)
    scatter: Tensor = torch.outer(offset, offset)
    for side in (exemplars, samples):
        inside = side - side.mean(0)
        scatter = scatter + inside.T @ inside / len(side)
    return scatter
