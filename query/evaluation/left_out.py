"""What an evaluation leaves out because it has no vector: samples, models with none left, gallery images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..catalog import choose_encoder, encoders, gallery_ids
from ..features import FeatureReader, ImageSet, Pinned
from .cases import read_cases
from .pools import rankable

if TYPE_CHECKING:
    from ...store import Store


@dataclass(frozen=True)
class LeftOut:
    """One case and split by one encoder, with any of its mappers.

    Attributes:
        samples: how many there are.
        samples_without_vector: how many of them are not ranked for want of a vector.
        samples_without_exemplars: how many have a vector, and a model without exemplars.
        models: how many have samples.
        models_left_out: how many of them have no sample that is ranked.
        gallery: how many images are in the gallery.
        gallery_without_vector: how many of them no sample is compared with.
    """

    encoder: str
    case_name: str
    split: str
    samples: int
    samples_without_vector: int
    samples_without_exemplars: int
    models: int
    models_left_out: int
    gallery: int
    gallery_without_vector: int

    def notes(self) -> Iterator[str]:
        """A line for each kind of item that is left out."""
        place = f"{self.encoder}, {self.case_name} {self.split}"
        if self.samples_without_vector:
            yield f"{place}: {self.samples_without_vector:,} of {self.samples:,} samples have no vector"
        if self.samples_without_exemplars:
            yield f"{place}: {self.samples_without_exemplars:,} of {self.samples:,} samples have no exemplars"
        if self.models_left_out:
            yield f"{place}: {self.models_left_out:,} of {self.models:,} models have no sample left"
        if self.gallery_without_vector:
            missing = f"{self.gallery_without_vector:,} of {self.gallery:,} gallery images have no vector"
            yield f"{self.encoder}: {missing}, and ranks are among the others"


def count_left_out(store: Store, encoder: str | None = None, case: str | None = None) -> list[LeftOut]:
    """What `evaluate` leaves out, for each encoder, case and split; or for those that are named.

    Raises NotFoundError for an unknown encoder or case, ConflictError for an empty gallery.
    """
    pinned = Pinned.now(store)
    names = encoders(pinned) if encoder is None else [choose_encoder(pinned, encoder)]
    gallery, cases = gallery_ids(pinned), read_cases(pinned, case)
    found = []
    for name in names:
        features = FeatureReader(pinned, name)
        missing = ImageSet(features, gallery).missing
        for evaluated in cases:
            samples, kept = evaluated.samples, rankable(evaluated.samples, features)
            embedded = np.count_nonzero(features.positions([one.sample_id for one in samples]) >= 0)
            models = {one.model_id for one in samples}
            found.append(
                LeftOut(
                    encoder=name,
                    case_name=evaluated.name,
                    split=evaluated.split,
                    samples=len(samples),
                    samples_without_vector=len(samples) - int(embedded),
                    samples_without_exemplars=int(embedded) - len(kept),
                    models=len(models),
                    models_left_out=len(models - {one.model_id for one in kept}),
                    gallery=len(gallery),
                    gallery_without_vector=missing,
                )
            )
    return found
