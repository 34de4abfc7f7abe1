"""Where h and h~ start: at the identity, the closed form or random weights; for each part of the features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from .config import MapperConfig
from .data import TrainingData
from .linear_map import LinearMap, ProjectedMap, principal_directions
from .map_kinds import ChannelMap, MlpMap
from .parts import OneMap, Span, TrainablePair
from .whitening import fit_whitening

Maker: TypeAlias = Callable[[TrainingData, slice, MapperConfig], tuple[OneMap, OneMap]]


def start_pair(data: TrainingData, spans: Sequence[Span], config: MapperConfig) -> TrainablePair:
    """Maps of each of `spans` at the start that `config` asks for, in evaluation."""
    makers = _makers(config)
    maps = [make(data, slice(*span), config) for span in spans for make in makers]
    each = [span for span in spans for _ in makers]
    pair = TrainablePair(each, maps, config.temperature, learn_temperature=config.learn_temperature)
    return pair.eval()


def _makers(config: MapperConfig) -> Sequence[Maker]:
    if config.map != "linear":
        return [_channel if config.map == "channel" else _mlp]
    return {"identity": [_identity], "whitened": [_whitened], "both": [_whitened, _identity]}[config.start]


def _identity(data: TrainingData, part: slice, config: MapperConfig) -> tuple[OneMap, OneMap]:
    """Identity maps, with the biases and directions that `config` asks for."""
    images = _images(data)[:, part]
    basis = principal_directions(images, config.rank) if config.rank else None
    real = None if config.centre == "none" else images.mean(0)
    synth = real
    if config.centre == "each":
        synth = _samples(data)[:, part].mean(0)
    return LinearMap(images.shape[1], real, basis), LinearMap(images.shape[1], synth, basis)


def _channel(data: TrainingData, part: slice, _config: MapperConfig) -> tuple[OneMap, OneMap]:
    dim = data.features.rows[:, part].shape[1]
    return ChannelMap(dim), ChannelMap(dim)


def _mlp(data: TrainingData, part: slice, config: MapperConfig) -> tuple[OneMap, OneMap]:
    dim = data.features.rows[:, part].shape[1]
    random = torch.Generator().manual_seed(config.seed + part.start)
    return MlpMap(dim, random), MlpMap(dim, random)


def _whitened(data: TrainingData, part: slice, config: MapperConfig) -> tuple[OneMap, OneMap]:
    pairs = [
        (data.features.of(m.exemplars)[:, part], data.features.of(m.sample_ids())[:, part])
        for m in data.models
    ]
    found = fit_whitening(_images(data)[:, part], pairs, config.rank, config.ridge)
    return ProjectedMap(found.projection, found.real_mean), ProjectedMap(found.projection, found.synth_mean)


def _images(data: TrainingData) -> Tensor:
    """The gallery's features, or the exemplars' where there is no gallery."""
    return data.features.of(data.gallery or sorted({i for m in data.models for i in m.exemplars}))


def _samples(data: TrainingData) -> Tensor:
    return data.features.of([item for model in data.models for item in model.sample_ids()])
