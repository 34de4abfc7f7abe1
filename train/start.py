"""Where h and h~ start: at the identity, or at the closed form; for each part of the features."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .config import MapperConfig
from .data import TrainingData
from .linear_map import LinearMap, ProjectedMap, principal_directions
from .parts import OneMap, Span, TrainablePair
from .whitening import fit_whitening


def start_pair(data: TrainingData, spans: Sequence[Span], config: MapperConfig) -> TrainablePair:
    """Maps of each of `spans` at the start that `config` asks for."""
    makers = {"identity": [_identity], "whitened": [_whitened], "both": [_whitened, _identity]}[config.start]
    maps = [make(data, slice(*span), config) for span in spans for make in makers]
    each = [span for span in spans for _ in makers]
    return TrainablePair(each, maps, config.temperature, learn_temperature=config.learn_temperature)


def _identity(data: TrainingData, part: slice, config: MapperConfig) -> tuple[OneMap, OneMap]:
    """Identity maps, with the biases and directions that `config` asks for."""
    images = _images(data)[:, part]
    basis = principal_directions(images, config.rank) if config.rank else None
    real = None if config.centre == "none" else images.mean(0)
    synth = real
    if config.centre == "each":
        synth = _samples(data)[:, part].mean(0)
    return LinearMap(images.shape[1], real, basis), LinearMap(images.shape[1], synth, basis)


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
