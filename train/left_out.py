"""What a training leaves out because it has no vector: samples, exemplars, models, gallery images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..store import Store
from .data import embedded_items
from .pairs import CUSTOMIZED, load_models


@dataclass(frozen=True)
class LeftOut:
    """Counts of what is there, and of what has no vector of `encoder`.

    Attributes:
        splits: those of the models.
        models: how many have those splits and concept kinds, without controls.
        models_left_out: how many of them have no embedded exemplar, or no embedded sample.
    """

    encoder: str
    splits: tuple[str, ...]
    models: int
    models_left_out: int
    samples: int
    samples_without_vector: int
    exemplars: int
    exemplars_without_vector: int
    gallery: int
    gallery_without_vector: int

    def notes(self) -> Iterator[str]:
        """A line for each kind of item that is left out."""
        models = f"models of the split {' or '.join(self.splits)}"
        for missing, there, what in (
            (self.samples_without_vector, self.samples, f"samples of {models} have no vector"),
            (self.exemplars_without_vector, self.exemplars, f"exemplars of {models} have no vector"),
            (self.models_left_out, self.models, f"{models} have no exemplar or no sample left"),
            (self.gallery_without_vector, self.gallery, "gallery images have no vector"),
        ):
            if missing:
                yield f"{self.encoder}: {missing:,} of {there:,} {what}"


def count_left_out(
    store: Store,
    encoder: str,
    splits: Sequence[str],
    kinds: Sequence[str] | None = None,
    gallery: str = "gallery",
    on: str = CUSTOMIZED,
) -> LeftOut:
    """What a training on the models of `splits` and the images of `gallery` leaves out.

    Raises NotFoundError when nothing is embedded.
    """
    embedded = embedded_items(store, encoder)
    samples = set(store.read("samples", ["sample_id"])["sample_id"].to_pylist())
    members = store.read("members", ["collection", "image_id"]).to_pylist()
    images = {row["image_id"] for row in members if row["collection"] == gallery}
    exemplars = {
        image for row in store.read("models", ["exemplar_ids"]).to_pylist() for image in row["exemplar_ids"]
    }
    every = embedded | samples | exemplars
    there = [model for split in splits for model in load_models(store, split, every, kinds, on)]
    kept = [model for split in splits for model in load_models(store, split, embedded, kinds, on)]
    own_samples = {sample for model in there for sample in model.sample_ids()}
    own_exemplars = {image for model in there for image in model.exemplars}
    return LeftOut(
        encoder=encoder,
        splits=tuple(splits),
        models=len(there),
        models_left_out=len(there) - len(kept),
        samples=len(own_samples),
        samples_without_vector=len(own_samples - embedded),
        exemplars=len(own_exemplars),
        exemplars_without_vector=len(own_exemplars - embedded),
        gallery=len(images),
        gallery_without_vector=len(images - embedded),
    )
