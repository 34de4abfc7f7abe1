"""The size of a project: how many models, samples and images, and how each is made."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..store import InvalidInputError


@dataclass(frozen=True)
class Scale:
    """What a project consists of. The defaults beside the first three are the paper's, or this project's.

    Attributes:
        models: customized models.
        samples: images drawn by them.
        gallery: images that questions are asked of.
        exemplars: images a model is customized on, at the mean.
        iterations: optimiser steps a model, of 4 images each.
        views: augmented views of the exemplars, encoded once a model.
        steps: of the sampler; guidance runs the network twice a step.
        encoders: how many, each of the cost of `encoder_flops`.
        mappers: mapped columns an encoder.
        dim: numbers of a vector.
        evaluated: samples that are ranked.
        ranked_gallery: images that they are ranked among.
        gpus: cards at work at once.
        cores: processor cores beside each card.

    Raises InvalidInputError for a number below its least.
    """

    models: int
    samples: int
    gallery: int
    exemplars: float = 1.0
    iterations: int = 125
    views: int = 32
    steps: int = 50
    encoders: int = 1
    mappers: int = 1
    dim: int = 768
    evaluated: int = 20_000
    ranked_gallery: int = 1_000_000
    gpus: int = 8
    cores: int = 16

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 1 if field.name in ("gallery", "encoders", "dim", "gpus", "cores") else 0
            if value < least:
                raise InvalidInputError(f"{field.name} is {value}", hint=f"use {least} or more")

    @property
    def real_images(self) -> float:
        """Images of the gallery and exemplars."""
        return self.gallery + self.models * self.exemplars

    @property
    def vectors(self) -> float:
        """Vectors of one encoder: of real images and of samples."""
        return self.real_images + self.samples
