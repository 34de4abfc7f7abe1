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
from torch.nn.functional import log_softmax, normalize, softplus

from ..runtime.influence import calibration_kl


def contrastive_loss(real: Tensor, synth: Tensor, temperature: Tensor | float = 1.0) -> Tensor:
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


def set_loss(
    real: Tensor, synth: Tensor, same: Tensor, temperature: Tensor | float, positives: str, negatives: Tensor
) -> Tensor:
    """Eq. 3 for sets: several exemplars and samples a model, and images of no model as further negatives.

    With one exemplar and one sample a model and no negatives it is `contrastive_loss`.

    Args:
        real: (exemplars, dim) mapped exemplars; any length, normalised here.
        synth: (samples, dim) mapped samples.
        same: (samples, exemplars) bool, whether both are of one model; at least one a row and a column.
        temperature: nu.
        positives: "each" compares every positive with the negatives alone, "sum" the sum of a row's positives
            (log-sum-exp, MIL-NCE), "mean" every positive with the row's positives and negatives (SupCon).
        negatives: (images, dim) mapped images; (0, dim) for none. Samples are compared with them.

    Returns:
        Scalar: the sum of both directions; each is a mean in which all models count alike.

    Source: arXiv:1912.06430 (MIL-NCE), arXiv:2004.11362 (SupCon, L_out).
    """
    samples, exemplars = normalize(synth, dim=1), normalize(real, dim=1)
    logits = samples @ exemplars.T / temperature
    others = samples @ normalize(negatives, dim=1).T / temperature
    return _set_direction(logits, same, others, positives) + _set_direction(
        logits.T, same.T, logits.new_empty(logits.shape[1], 0), positives
    )


def _set_direction(logits: Tensor, same: Tensor, others: Tensor, positives: str) -> Tensor:
    """Each row against its own columns: (rows, columns) logits, (rows, images) of further negatives."""
    negative = torch.cat([logits.masked_fill(same, -torch.inf), others], dim=1).logsumexp(1, keepdim=True)
    positive = logits.masked_fill(~same, -torch.inf).logsumexp(1, keepdim=True)
    counts = same.sum(1)
    if positives == "sum":
        rows = softplus(negative - positive)[:, 0]
    else:
        others_of = negative if positives == "each" else torch.logaddexp(negative, positive)
        every = softplus(others_of - logits) if positives == "each" else others_of - logits
        rows = torch.where(same, every, 0.0).sum(1) / counts
    weights = counts / (same * same.sum(0)).sum(1)  # 1 / the rows of the same model
    total: Tensor = (rows * weights).sum() / weights.sum()
    return total


def orthogonality(real_weight: Tensor, synth_weight: Tensor) -> Tensor:
    """Eq. 4's regulariser: 1/2 (||W'W - I||_F + ||W~'W~ - I||_F), for square W (dim, dim)."""
    total: Tensor = _GramDistance.apply(real_weight) + _GramDistance.apply(synth_weight)
    return total / 2


def channel_orthogonality(real_weights: Tensor, synth_weights: Tensor) -> Tensor:
    """`orthogonality` of the diagonal matrices of channel-wise maps: W'W - I has w^2 - 1 in its diagonal.

    Weights are (1, dim). At w = 1, where training starts, the gradient is zero.
    """
    total: Tensor = sum(torch.linalg.vector_norm(one**2 - 1) for one in (real_weights, synth_weights)) / 2
    return total


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
