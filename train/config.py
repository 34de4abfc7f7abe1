"""How a mapper is trained: the paper's recipe, and one for a few dozen models."""

from __future__ import annotations

from dataclasses import dataclass

from ..runtime.mapper import RAW
from ..store.errors import InvalidInputError
from ..store.ids import mapped_column

CENTRES = ("none", "gallery", "each")


@dataclass(frozen=True)
class MapperConfig:
    """Settings of one training; the defaults are the paper's (C.1).

    name: what the mapper is called. kinds: concept kinds of the models to learn from.
    temperature: nu of eq. 3. regulariser: weight of eq. 4. batch: models a step, all different.
    epochs, draws: an epoch draws `draws` pairs from each model. views: augmented views to draw from
    beside the plain picture (0: the plain picture alone).
    centre: where biases start: at zero ("none"), both at minus the gallery's mean feature ("gallery": what
    all images share tells none apart), or h there and h~ at minus the mean of the samples ("each").
    rank: learn inside the `rank` leading principal directions of the gallery, identity outside; None
    learns the whole matrix. weight_decay: of AdamW, towards identity. gallery: the collection that
    validation searches, `validation_images` of it at most; every `validate_every` epochs.
    """

    name: str = "tuned"
    kinds: tuple[str, ...] = ("object", "style")
    temperature: float = 1.0
    regulariser: float = 0.05
    lr: float = 1e-3
    weight_decay: float = 0.0
    epochs: int = 100
    batch: int = 1024
    draws: int = 1
    views: int = 4
    centre: str = "none"
    rank: int | None = None
    seed: int = 0
    gallery: str = "gallery"
    validate_every: int = 5
    validation_images: int = 20_000

    def __post_init__(self) -> None:
        if self.name == RAW:
            raise InvalidInputError(f"{RAW!r} means raw features", hint="choose another name for the mapper")
        if self.centre not in CENTRES:
            raise InvalidInputError(f"centre is {self.centre!r}", hint=f"use one of {', '.join(CENTRES)}")
        mapped_column(self.name)  # raises for a name that no column can have
        numbers = {
            "temperature": self.temperature,
            "lr": self.lr,
            "epochs": self.epochs,
            "batch": self.batch - 1,  # a single pair has no negative
            "draws": self.draws,
            "validate_every": self.validate_every,
            "rank": 1 if self.rank is None else self.rank,
        }
        for field, value in numbers.items():
            if not value > 0:
                raise InvalidInputError(f"{field} is too small", hint=f"give a larger {field}")


PAPER = MapperConfig()
"""arXiv:2306.09345, C.1: 100 epochs of one pair a model, batch 1024, temperature 1."""

WORLD = MapperConfig(temperature=0.1, lr=3e-4, draws=4, centre="gallery", rank=256)
"""For the embedded world's few dozen models, a batch of all of them; the best on its validation models
(docs/world.md)."""
