"""The trainable maps beside the linear one: one factor a channel, and an MLP of two layers.

They are laid out as in the authors' release, so their state dicts are what `mapper_from_state` reads.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from ..runtime import ChannelMapper, MlpMapper
from ..runtime.mapper_kinds import Array
from ..runtime.mapper_state import COUNTER, mapper_from_state

MLP_LAYERS = 2


class ChannelMap(nn.Module):
    """x * w, one factor w a channel, starting at 1."""

    def __init__(self, dim: int) -> None:
        """The identity of `dim` channels."""
        super().__init__()
        self.weights = nn.Parameter(torch.ones(1, dim))

    def forward(self, features: Tensor) -> Tensor:
        """(items, dim) to (items, dim), not normalised."""
        return features * self.weights

    @torch.no_grad()
    def frozen(self) -> ChannelMapper:
        """The same map for numpy."""
        return ChannelMapper(self.weights.cpu().numpy().copy())


class MlpMap(nn.Module):
    """Linear, BatchNorm, ReLU, Linear, BatchNorm, all of the features' width; starts at random weights.

    Linear layers have no bias, since BatchNorm follows; the last BatchNorm has no factor and no shift. In
    training both normalise by the batch, in evaluation by running statistics: `train()` and `eval()` count.

    The release has no MLP's weights to read widths and dropout from: the width is the features', and
    dropout is its code's default, 0.
    """

    def __init__(self, dim: int, random: torch.Generator) -> None:
        """Maps `dim` to `dim`; `random` draws the weights as torch.nn.Linear does."""
        super().__init__()
        layers: list[nn.Module] = []
        for place in range(MLP_LAYERS):
            last = place == MLP_LAYERS - 1
            linear = nn.Linear(dim, dim, bias=False)
            nn.init.kaiming_uniform_(linear.weight, a=sqrt(5), generator=random)
            layers += [linear, nn.BatchNorm1d(dim, affine=not last)]
            layers += [] if last else [nn.ReLU(), nn.Dropout(0.0)]  # the latter for its number in the state
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """(items, dim) to (items, dim), not normalised; in training two items at least."""
        mapped: Tensor = self.layers(features)
        return mapped

    @torch.no_grad()
    def frozen(self) -> MlpMapper:
        """The same map for numpy, as in evaluation."""
        state: dict[str, Array] = {
            name: part.cpu().numpy().copy()
            for name, part in self.layers.state_dict().items()
            if not name.endswith(COUNTER)
        }
        found = mapper_from_state(state)
        assert isinstance(found, MlpMapper)  # by its keys
        return found
