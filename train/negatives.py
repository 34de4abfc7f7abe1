"""Gallery images as negatives: a sample should be nearer to its exemplars than to them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from .validation import Map

BLOCK = 1024
"""Images or samples that are compared at once."""

NEAREST = 10
"""Images that are mined for each sample."""


class GalleryNegatives:
    """Draws from a pool of gallery images, some of them at random, the others near to training samples."""

    def __init__(self, pool: Tensor, count: int, mined: float) -> None:
        """`pool` (images, dim); `count` images a draw, the share `mined` of them near ones, when known."""
        self._pool = pool
        self._near = np.zeros(0, np.int64)
        self._mined = round(count * mined)
        self._random = count - self._mined

    def draw(self, rng: np.random.Generator) -> Tensor:
        """(images, dim), no image twice."""
        if not self._random + self._mined:
            return self._pool[:0]
        near = rng.permutation(self._near)[: self._mined]
        random = rng.choice(len(self._pool), min(self._random, len(self._pool)), replace=False)
        return self._pool[np.union1d(near, random)]

    @torch.no_grad()
    def mine(self, real: Map, synth: Map, samples: Tensor) -> None:
        """Find the images nearest to `samples` (samples, dim) by the maps as they are now."""
        if not self._mined:
            return
        images = normalize(real(self._pool), dim=1)
        found = [
            (normalize(synth(block), dim=1) @ images.T).topk(min(NEAREST, len(images)), dim=1).indices
            for block in torch.split(samples, BLOCK)
        ]
        self._near = np.unique(torch.cat(found).numpy())


def drop_duplicates(pool: Tensor, exemplars: Tensor, threshold: float) -> Tensor:
    """The rows of `pool` (images, dim) whose centred cosine with every exemplar is at most `threshold`.

    An image that shows what an exemplar shows is no negative of its samples.
    """
    mean = pool.mean(0)
    own = normalize(exemplars - mean, dim=1)
    nearest = [(normalize(block - mean, dim=1) @ own.T).amax(1) for block in torch.split(pool, BLOCK)]
    return pool[torch.cat(nearest) <= threshold] if nearest else pool
