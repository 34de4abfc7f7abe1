"""What training minimises: equations 3, 4 and 5 of arXiv:2306.09345. Equation 6 is `runtime.influence`.

    (3)  L_i  = -( log softmax_j(t_i . s_j / nu)_i + log softmax_j(t_j . s_i / nu)_i )
    (4)  L    = mean_i L_i + 0.05 * 1/2 ( ||W'W - I||_F + ||W~'W~ - I||_F )
    (5)  L    = mean over samples of KL(S || P)

t_i and s_i are the unit mapped features of an exemplar and a sample of model i, nu the temperature, W and W~
the weights of h and h~; S is uniform over a sample's exemplars, P its influence.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, normalize

from ..runtime.influence import calibration_kl


def contrastive_loss(real: Tensor, synth: Tensor, temperature: float = 1.0) -> Tensor:
    """Eq. 3, mean over a batch of different models, both directions.

    Args:
        real: (models, dim) mapped exemplar features, one a model; any length, normalised here.
        synth: (models, dim) mapped sample features of the same models.
        temperature: nu.

    Returns:
        Scalar: the sum of the two directions, as in the paper; CLIP's loss is their mean.
    """
    logits = normalize(real, dim=1) @ normalize(synth, dim=1).T / temperature
    by_real, by_synth = log_softmax(logits, dim=1).diagonal(), log_softmax(logits, dim=0).diagonal()
    return -(by_real + by_synth).mean()


def orthogonality(real_weight: Tensor, synth_weight: Tensor) -> Tensor:
    """Eq. 4's regulariser: 1/2 (||W'W - I||_F + ||W~'W~ - I||_F), for square W (dim, dim)."""
    total: Tensor = _GramDistance.apply(real_weight) + _GramDistance.apply(synth_weight)
    return total / 2


def calibration_loss(shares: Tensor, exemplar: Tensor, epsilon: float) -> Tensor:
    """Eq. 5, mean over samples.

    Args:
        shares: (samples, candidates) influence P, rows sum to 1.
        exemplar: (samples, candidates) bool, the sample's exemplars; at least one a row.
        epsilon: the least share in the logarithm; relu in eq. 6 can make a share 0 and the KL infinite.

    Returns:
        Scalar, in nats.
    """
    count = exemplar.sum(dim=1)
    logs = torch.where(exemplar, shares.clamp_min(epsilon), 1.0).log().sum(dim=1)
    loss: Tensor = calibration_kl(logs / count, count, log=torch.log).mean()
    return loss


class _GramDistance(torch.autograd.Function):
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
