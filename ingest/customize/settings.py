"""Settings: frozen values that every id holds, and those that all methods of customization share."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, Self

from ...store import InvalidInputError

AUGMENTATIONS = ("none", "shift", "placed", "resize")
"""How exemplars can be varied while a model is trained on them."""

CATEGORY = "category"


@dataclass(frozen=True)
class Settings:
    """Base class of frozen settings. Every field is part of the ids of what is made with them."""

    def with_changes(self, **changes: Any) -> Self:
        """A copy with some settings changed.

        Raises InvalidInputError like the constructor, and for a setting that there is not.
        """
        known = [field.name for field in fields(self)]
        unknown = sorted(set(changes) - set(known))
        if unknown:
            raise InvalidInputError(
                f"{self.title} has no setting {', '.join(unknown)}", hint=f"it has {', '.join(known)}"
            )
        return replace(self, **changes)

    @property
    def title(self) -> str:
        """What errors call the settings."""
        return type(self).__name__

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return asdict(self)

    def _require_counts(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) < 1:
                raise InvalidInputError(f"{name} is {getattr(self, name)}", hint="use 1 or more")

    def _require_positive(self, *names: str) -> None:
        for name in names:
            if not 0 < getattr(self, name) < float("inf"):
                raise InvalidInputError(f"{name} is {getattr(self, name)}", hint="use a positive number")

    def _require_choice(self, name: str, choices: tuple[str, ...]) -> None:
        if getattr(self, name) not in choices:
            raise InvalidInputError(
                f"{name} is {getattr(self, name)!r}", hint=f"use one of {', '.join(choices)}"
            )


@dataclass(frozen=True)
class TrainingConfig(Settings):
    """Settings that every method of customization has.

    Attributes:
        base: `world`, a folder in diffusers' layout, a single file, or a hub id.
        iterations: optimiser steps a model.
        lr: learning rate.
        batch_size: views of the exemplars a step.
        augment: 'none', 'shift' (by one pixel), 'placed' (objects cut out, at other sizes, angles and places,
            on other backgrounds, with words of the embedded world that say so; other kinds as 'shift') or
            'resize' (Custom Diffusion's own).
        resolution: pixels a side that exemplars are resized to.
        views: augmented views that 'placed' and 'resize' make and steps draw from ('shift' makes five).
        warmup: steps over which the learning rates rise linearly to their values.
        weight_decay: of the weights of the network, never of V*.

    Raises InvalidInputError for a setting that cannot work.
    """

    base: str
    iterations: int = 125
    lr: float = 8e-5
    batch_size: int = 4
    augment: str = "resize"
    resolution: int = 512
    views: int = 32
    warmup: int = 0
    weight_decay: float = 0.01

    method: ClassVar[str]
    """The method that these settings are of."""

    def __post_init__(self) -> None:
        self._require_counts("iterations", "batch_size", "views", "resolution")
        self._require_positive("lr")
        self._require_choice("augment", AUGMENTATIONS)

    @property
    def title(self) -> str:
        """The method's name."""
        return self.method

    @property
    def token(self) -> str | None:
        """What `V*` is in the tokenizer: the name of a new token, or a word of the base; None without it."""
        return None

    def _require_token(self, token: str) -> None:
        if not token.startswith("<") or not token.endswith(">"):
            raise InvalidInputError(
                f"the modifier token is {token!r}", hint="write it as <name>, e.g. <new1>"
            )
