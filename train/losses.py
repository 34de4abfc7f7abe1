"""Eq. 3 and 4 of arXiv:2306.09345."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, normalize


def contrastive_loss(real: Tensor, synth: Tensor, temperature: float = 1.0) -> Tensor:
    """Eq. 3, averaged over the batch: which sample goes with this exemplar, and the other way round.

    Args:
        real: (models, dim) mapped exemplar features t, one a model; any length, normalised here.
        synth: (models, dim) mapped sample features s of the same models.
        temperature: nu.

    Returns:
        Scalar: mean_i -(log softmax_j(t_i . s_j / nu)_i + log softmax_j(t_j . s_i / nu)_i). It is the
        sum of the two directions, as in the paper; CLIP's loss is their mean.
    """
    logits = normalize(real, dim=1) @ normalize(synth, dim=1).T / temperature
    by_real, by_synth = log_softmax(logits, dim=1).diagonal(), log_softmax(logits, dim=0).diagonal()
    return -(by_real + by_synth).mean()


def orthogonality(real_weight: Tensor, synth_weight: Tensor) -> Tensor:
    """Eq. 4's regulariser: 1/2 (||W'W - I||_F + ||W~'W~ - I||_F), for square W (dim, dim)."""
    total: Tensor = _Distance.apply(real_weight) + _Distance.apply(synth_weight)
    return total / 2


class _Distance(torch.autograd.Function):
    """||W'W - I||_F. G = W'W - I is symmetric: the gradient 2 W G / ||G||_F takes one product, autograd two.

    They are most of a step's time. At W = I, where training starts, there is no gradient: zero is taken.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:
        gram = weight.T @ weight
        gram.diagonal().sub_(1)
        norm: Tensor = torch.linalg.matrix_norm(gram)
        ctx.save_for_backward(weight, gram, norm)
        return norm

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        weight, gram, norm = ctx.saved_tensors
        slope: Tensor = weight @ gram
        return slope.mul_(2 * gradients[0] / norm) if norm > 0 else torch.zeros_like(weight)
