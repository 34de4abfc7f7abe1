"""Trainable maps of a feature that is made of parts: one map a part, side by side, with learned weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..runtime import Block, BlocksMapper, MapperPair
from .linear_map import LinearMap, ProjectedMap
from .losses import channel_orthogonality, orthogonality
from .map_kinds import ChannelMap, MlpMap

Span: TypeAlias = tuple[int, int]
"""First dimension of a part, and the one after its last."""

SCALE_MAX = 100.0
"""The largest learned logit scale, 1/nu, as in CLIP (arXiv:2103.00020)."""

OneMap: TypeAlias = LinearMap | ProjectedMap | ChannelMap | MlpMap


class PartsMap(nn.Module):
    """Each part mapped, scaled to unit length, times the root of its weight, side by side.

    So the product of two rows is the mean of the parts' cosines, weighted by softmax of `logits`, which both
    sides of a pair share.
    """

    def __init__(self, spans: Sequence[Span], maps: Sequence[OneMap], logits: nn.Parameter) -> None:
        """`spans` are the parts of a feature, `maps` one for each, `logits` (parts,)."""
        super().__init__()
        self.spans = tuple(spans)
        self.maps = nn.ModuleList(maps)
        self._maps = tuple(maps)
        self.logits = logits

    def forward(self, features: Tensor) -> Tensor:
        """(items, dim) to (items, sum of the maps' lengths), unit rows."""
        weights = self.logits.softmax(0)
        parts = [
            normalize(one(features[:, start:stop]), dim=1) * weight.sqrt()
            for (start, stop), one, weight in zip(self.spans, self._maps, weights, strict=True)
        ]
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def frozen(self) -> BlocksMapper:
        """The same map for numpy."""
        weights = self.logits.double().softmax(0).tolist()
        blocks = [
            Block(start, stop, one.frozen(), weight)
            for (start, stop), one, weight in zip(self.spans, self._maps, weights, strict=True)
        ]
        return BlocksMapper(tuple(blocks), max(stop for _, stop in self.spans))


class TrainablePair(nn.Module):
    """h and h~ of one part or of several, and the temperature of their loss."""

    def __init__(
        self,
        spans: Sequence[Span],
        maps: Sequence[tuple[OneMap, OneMap]],
        temperature: float,
        *,
        learn_temperature: bool = False,
    ) -> None:
        """`maps` are h and h~ of each part in `spans`; with one part they are used as they are.

        `temperature` is where nu starts, or what it is.
        """
        super().__init__()
        self._maps = tuple(maps)
        self._temperature = temperature
        self.logits = nn.Parameter(torch.zeros(len(maps)))
        self.log_scale = nn.Parameter(torch.tensor(-log(temperature))) if learn_temperature else None
        self.real, self.synth = (
            own[0] if len(own) == 1 else PartsMap(spans, own, self.logits)
            for own in ([one[side] for one in maps] for side in range(2))
        )

    def temperature(self) -> Tensor | float:
        """Nu of eq. 3."""
        if self.log_scale is None:
            return self._temperature
        return 1 / self.log_scale.exp().clamp(max=SCALE_MAX)

    def cores(self) -> list[tuple[Tensor, Tensor]]:
        """The trained matrices of h and h~, part by part: (rank, rank) each. Only linear maps have any."""
        kinds = LinearMap | ProjectedMap
        return [(h.core, t.core) for h, t in self._maps if isinstance(h, kinds) and isinstance(t, kinds)]

    def orthogonality(self) -> Tensor:
        """Eq. 4's regulariser, the mean over the parts: of the cores, or of channel-wise factors.

        An MLP is no matrix that could be orthogonal: its regulariser is 0.
        """
        parts = [orthogonality(real, synth) for real, synth in self.cores()]
        for real, synth in self._maps:
            if isinstance(real, ChannelMap) and isinstance(synth, ChannelMap):
                parts.append(channel_orthogonality(real.weights, synth.weights))
        if not parts:
            return torch.zeros(())
        return parts[0] if len(parts) == 1 else torch.stack(parts).mean()

    def map_parameters(self) -> list[nn.Parameter]:
        """All weights of the maps, those of h first."""
        return [one for side in (0, 1) for maps in self._maps for one in maps[side].parameters()]

    def scalars(self) -> list[nn.Parameter]:
        """The parts' weights and the temperature, as far as they are learned."""
        weights = [self.logits] if len(self._maps) > 1 else []
        return weights + ([] if self.log_scale is None else [self.log_scale])

    def frozen(self) -> MapperPair:
        """The same pair for numpy."""
        return MapperPair(self.real.frozen(), self.synth.frozen())
