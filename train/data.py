"""All that one training of a mapper looks at, in memory."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..store import Store
from ..store.errors import InvalidInputError
from .config import MapperConfig
from .features import Features, embedded_items, load_features, load_views
from .pairs import TaughtModel, load_models


@dataclass(frozen=True)
class Data:
    """Models to learn from and to validate on.

    features: the plain features of every item involved. views: (taught items, 1 + views, dim), what pairs
    are drawn from; view_row says where each taught item is in it. gallery: what validation searches.
    """

    models: list[TaughtModel]
    held_out: list[TaughtModel]
    gallery: list[str]
    features: Features
    views: Tensor
    view_row: dict[str, int]


def load_data(store: Store, encoder: str, config: MapperConfig) -> Data:
    """Read it all. Raises InvalidInputError for fewer than two models to learn from, or missing views."""
    known = embedded_items(store, encoder)
    models = load_models(store, "train", known, config.kinds)
    if len(models) < 2:
        raise InvalidInputError(
            f"{len(models)} embedded training models of kind {' or '.join(config.kinds)}, 2 are needed",
            hint="customize, sample and embed models with split 'train' first",
        )
    held_out = load_models(store, "val", known, config.kinds)
    members = store.read("members").to_pylist()
    gallery = sorted({row["image_id"] for row in members if row["collection"] == config.gallery} & known)
    gallery = gallery[: config.validation_images]  # ids are hashes: the first are a random choice
    taught = {item for model in models for item in (*model.exemplars, *model.sample_ids())}
    tested = {item for model in held_out for item in (*model.exemplars, *model.sample_ids())}
    features = load_features(store, encoder, taught | tested | set(gallery))
    seen = sorted(taught)
    own = Features({item: row for row, item in enumerate(seen)}, features.of(seen))
    views = load_views(store, encoder, own, config.views)
    return Data(models, held_out, gallery, features, views, own.index)
