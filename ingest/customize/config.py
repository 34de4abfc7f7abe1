"""Settings of a customization, with defaults for each kind of base generator."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from ...store import InvalidInputError
from ..world import WORLD_NAME
from .base import find_local, free_token, native_resolution

AUGMENTATIONS = ("none", "shift", "placed", "resize")
"""How exemplars can be varied while a model is trained on them."""

CATEGORY = "category"


@dataclass(frozen=True)
class Settings:
    """Base class of frozen settings. Every field is part of the ids of what is made with them."""

    def with_changes(self, **changes: Any) -> Self:
        """A copy with some settings changed. Raises InvalidInputError like the constructor."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return asdict(self)

    def _require_counts(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} is {getattr(self, name)}", hint="use 1 or more")

    def _require_choice(self, name: str, choices: tuple[str, ...]) -> None:
        if getattr(self, name) not in choices:
            raise InvalidInputError(
                f"{name} is {getattr(self, name)!r}", hint=f"use one of {', '.join(choices)}"
            )


@dataclass(frozen=True)
class CustomizeConfig(Settings):
    """Settings of Custom Diffusion (arXiv:2212.04488): K and V of cross-attention, and V*, are trained.

    Attributes:
        base: `world`, a folder in diffusers' layout, a single file, or a hub id.
        iterations: optimiser steps a model.
        lr: learning rate of K and V.
        token_lr: learning rate of the embedding of V*.
        batch_size: views of the exemplars a step.
        augment: 'none', 'shift' (by one pixel), 'placed' (objects cut out, at other sizes, angles and places,
            on other backgrounds, with words of the embedded world that say so; other kinds as 'shift') or
            'resize' (Custom Diffusion's own).
        resolution: pixels a side that exemplars are resized to.
        views: augmented views that 'placed' and 'resize' make and steps draw from ('shift' makes five).
        warmup: steps over which both learning rates rise linearly to their values.
        weight_decay: of K and V, never of V*.
        rank: store the difference to the base as a product of this rank; None stores whole tensors.
        init_token: word whose embedding V* starts from; 'category' is the words of the model's category.
        modifier_token: the tokenizer's name for V*.

    Raises InvalidInputError for a setting that cannot work.
    """

    base: str
    iterations: int = 125
    lr: float = 8e-5
    token_lr: float = 8e-5
    batch_size: int = 4
    augment: str = "resize"
    resolution: int = 512
    views: int = 32
    warmup: int = 0
    weight_decay: float = 0.01
    rank: int | None = None
    init_token: str = "ktn"  # noqa: S105 - the first of Custom Diffusion's rare tokens
    modifier_token: str = "<new1>"  # noqa: S105

    def __post_init__(self) -> None:
        self._require_counts("iterations", "batch_size", "views", "resolution")
        if self.rank is not None:
            self._require_counts("rank")
        for name in ("lr", "token_lr"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InvalidInputError(f"{name} is {getattr(self, name)}", hint="use a positive number")
        self._require_choice("augment", AUGMENTATIONS)
        if not self.modifier_token.startswith("<") or not self.modifier_token.endswith(">"):
            raise InvalidInputError(
                f"the modifier token is {self.modifier_token!r}", hint="write it as <name>, e.g. <new1>"
            )


# V* starts from the category: the world's vocabulary has no rare token without a meaning.
_WORLD: Mapping[str, Any] = {
    "iterations": 150,
    "lr": 1e-2,
    "token_lr": 5e-2,
    "batch_size": 8,
    "augment": "placed",
    "views": 48,
    "resolution": 64,
    "warmup": 10,
    "init_token": CATEGORY,
}


def defaults_for(base: str) -> CustomizeConfig:
    """Settings that work for `base`: `world`, or any Stable Diffusion 1.x or 2.x.

    For Stable Diffusion: Custom Diffusion's effective learning rate (1e-5 times a batch of 8), the iterations
    of arXiv:2306.09345, which uses no regularisation set, the resolution that the base was trained on, and a
    name for V* that its vocabulary does not have. Of a hub id that is not here yet: 512 pixels and <new1>.
    """
    if base == WORLD_NAME:
        return CustomizeConfig(base, **_WORLD)
    folder = find_local(base)
    if folder is None or not (folder / "unet" / "config.json").is_file():
        return CustomizeConfig(base)
    return CustomizeConfig(base, resolution=native_resolution(folder), modifier_token=free_token(folder))
