"""Eq. 3 and 4 of arXiv:2306.09345."""

from __future__ import annotations

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
    return (_distance(real_weight) + _distance(synth_weight)) / 2


def _distance(weight: Tensor) -> Tensor:
    identity = torch.eye(weight.shape[1], dtype=weight.dtype, device=weight.device)
    # At W = I, where training starts, the norm has no gradient; torch's convention there is zero.
    distance: Tensor = torch.linalg.matrix_norm(weight.T @ weight - identity)
    return distance
