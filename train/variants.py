"""The variants of a mapper that the paper compares (Tables 3 and 4, appendix B.2), by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..runtime.mapper import RAW
from ..runtime.model_files import can_embed
from ..store import Store
from ..store.errors import InvalidInputError
from .config import PAPER, RECIPES, MapperConfig

SMALL_BATCH = 512
"""Models a step for the paper's ViT and ALADIN, instead of 1024 (C.1)."""

_SMALL_BATCH_ENCODERS = re.compile(r"(vit-|aladin|timm:vit_)")


def batch_for(encoder: str, batch: int = PAPER.batch) -> int:
    """The batch that the paper used for `encoder` where `batch` is the paper's own; else `batch`.

    ViT is the paper's name for the supervised one; CLIP's and DINO's are not meant.
    """
    return SMALL_BATCH if batch == PAPER.batch and _SMALL_BATCH_ENCODERS.match(encoder) else batch


def without_model(store: Store, encoder: str, config: MapperConfig) -> MapperConfig:
    """`config` without views where the store has only features of `encoder` and no model to embed views.

    Raises InvalidInputError for strong augmentation, which is of views.
    """
    if not config.views or not store.existing("encoders", [encoder]) or can_embed(store, encoder):
        return config
    if config.augment != "mild":
        raise InvalidInputError(
            f"{config.augment} augmentation needs views, and {encoder!r} has no model here that embeds any",
            hint="train on the plain features: leave augmentation out",
        )
    return replace(config, views=0)


@dataclass(frozen=True)
class Variant:
    """One variant. name: of its mapper, too. title: as a table's row says it. kinds: concept kinds that it
    learns from. map: the kind of h and h~. changes: other settings that differ from the recipe's.
    """

    name: str
    title: str
    kinds: tuple[str, ...] = ("object", "style")
    map: str = "linear"
    changes: Mapping[str, Any] = field(default_factory=dict)

    def config(self, recipe: str = "paper", encoder: str = "") -> MapperConfig:
        """The settings of its training: those of `recipe` but for what the variant is about.

        For strong augmentation a recipe without views gets the paper's number of them.

        Raises:
            InvalidInputError: of `none`, raw features that nothing is trained for; or an unknown recipe.
        """
        if self.name == RAW:
            raise InvalidInputError("raw features have no training", hint="evaluate the mapper 'none'")
        if recipe not in RECIPES:
            raise InvalidInputError(f"there is no recipe {recipe!r}", hint=f"use {', '.join(RECIPES)}")
        base = RECIPES[recipe].with_map(self.map)
        base = replace(base, batch=batch_for(encoder, base.batch))
        if "augment" in self.changes and not base.views:
            base = replace(base, views=PAPER.views)
        return replace(base, name=self.name, kinds=self.kinds, **self.changes)


VARIANTS: Mapping[str, Variant] = {
    one.name: one
    for one in (
        Variant(RAW, "Pretrained"),
        Variant("object", "Object", kinds=("object",)),
        Variant("style", "Style", kinds=("style",)),
        Variant("object+style", "Object+Style"),
        Variant("no-reg", "Without the regulariser", changes={"regulariser": 0.0}),
        Variant("channel", "Channel-wise", map="channel"),
        Variant("mlp", "MLP of two layers", map="mlp"),
        Variant("strong-aug", "Strong augmentation", changes={"augment": "strong"}),
    )
}
"""By name, in the paper's order."""
