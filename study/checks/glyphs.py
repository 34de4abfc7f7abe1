"""A domain unlike all of training: black shapes and line drawings as exemplars.

Exemplars of the store's models are turned into silhouettes and outlines, models are customized on these, and
their samples are ranked among the gallery and as many other glyphs, made of gallery images in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...query import Features
from ...query.catalog import gallery_ids
from ...query.evaluation.cases import Sample
from ...query.features import FeatureReader, ImageSet, Pinned
from ...runtime.mapper import RAW
from ...runtime.model_files import can_embed
from ...store import Step, Store
from ...store.check_items import CHECK_PREFIX
from .alterations import GLYPHS
from .check import ALL, CheckFigure, CheckPlan, CheckRow
from .customized import Original, make_models, pick_originals, read_samples
from .making import Altered, altered_images, embed_all, make_images, pick_images
from .means import mean_row
from .ranking import rank_images

ITEMS = f"{CHECK_PREFIX}glyphs"
"""The collection of the glyphs, and how the cases of models on them begin."""

UNALTERED = "unaltered exemplars"
"""The case of the store's own models, on the exemplars that the glyphs were made of, in the same pool."""

RECALL, RANK, GAIN = "recall@10", "mean rank of the exemplar", "recall@10 above raw features"
TOP = 10


class Glyphs:
    """The check `glyphs`."""

    name: ClassVar[str] = "glyphs"
    title: ClassVar[str] = "Black shapes and line drawings"
    numbers: ClassVar[Mapping[str, int]] = MappingProxyType({"models": 8, "samples": 8, "distractors": 100})

    def prepare(self, store: Store, plan: CheckPlan) -> Iterator[Step]:
        """Store the glyphs, customize and sample models on those of exemplars, and embed all of it.

        Raises NotFoundError where the base of the store's models is not there.
        """
        originals = self._originals(store, plan)
        if not originals:
            return
        mine = {one.exemplar for one in originals}
        count = plan.number(self.name, "distractors", self.numbers["distractors"])
        others = [image for image in pick_images(store, ITEMS, count + len(mine)) if image not in mine][
            :count
        ]
        wanted = [Altered(image, change) for image in [*sorted(mine), *others] for change in GLYPHS]
        yield from make_images(store, ITEMS, wanted)
        images = altered_images(store, ITEMS)
        specs = [
            one.altered(f"{ITEMS} {change.name}", images[one.exemplar, change.name])
            for one in originals
            for change in GLYPHS
            if (one.exemplar, change.name) in images
        ]
        yield from make_models(store, specs, originals[0].row["base_model"], plan)
        yield from embed_all(store, plan)

    def rows(self, store: Store, plan: CheckPlan) -> list[CheckRow]:
        """By alteration: Recall@10, mean rank, and the gain of mappers over raw features.

        Raises ConflictError for vectors that are missing.
        """
        originals = {one.exemplar: one for one in self._originals(store, plan)}
        made = {image: original for (original, _), image in altered_images(store, ITEMS).items()}
        cases = read_samples(store, f"{ITEMS} ")
        glyphs = [
            (name.removeprefix(f"{ITEMS} "), one)
            for name in sorted(cases)
            for one in cases[name]
            if made[one.exemplars[0]] in originals
        ]
        if not glyphs:
            return []
        samples = [one for _, one in glyphs] + [
            Sample(row["sample_id"], one.row["model_id"], row["scheme"], (one.exemplar,))
            for one in originals.values()
            for row in one.samples
        ]
        names = np.array([name for name, _ in glyphs] + [UNALTERED] * (len(samples) - len(glyphs)))
        chosen = {name: names == name for name in dict.fromkeys(names.tolist())} | {ALL: names != UNALTERED}
        groups = np.array([made.get(one.exemplars[0], one.exemplars[0]) for one in samples])
        pinned = Pinned.now(store)
        ids = pa.concat_arrays([gallery_ids(pinned), pa.array(sorted(made), pa.string())]).unique()
        raw: dict[str, NDArray[np.float64]] = {}
        rows: list[CheckRow] = []
        for features in sorted(plan.features, key=lambda one: one.mapper != RAW):
            if not can_embed(store, features.encoder):
                continue
            reader = FeatureReader(pinned, features.encoder, features.mapper)
            pool = ImageSet(reader, ids)
            ranks = rank_images(samples, reader, pool)[0][:, 0]
            found = (ranks <= TOP).astype(np.float64)
            if features.mapper == RAW:
                raw[features.encoder] = found
            gained = found - raw[features.encoder] if features.encoder in raw else None
            for case, own in chosen.items():
                row = partial(_row, features, case, groups[own])
                rows.append(row(RECALL, found[own], TOP / len(pool)))
                rows.append(row(RANK, ranks[own].astype(np.float64), None))
                if gained is not None and features.mapper != RAW:
                    rows.append(row(GAIN, gained[own], 0.0))
        order = list(plan.features)
        return sorted(rows, key=lambda row: order.index(Features(row.encoder, row.mapper)))

    def figures(self, store: Store, plan: CheckPlan) -> list[CheckFigure]:  # noqa: ARG002
        """It has none."""
        return []

    def _originals(self, store: Store, plan: CheckPlan) -> list[Original]:
        models, samples = (plan.number(self.name, name, self.numbers[name]) for name in ("models", "samples"))
        return pick_originals(store, models, samples)


def _row(
    features: Features,
    case: str,
    groups: NDArray[np.str_],
    question: str,
    values: NDArray[np.float64],
    reference: float | None,
) -> CheckRow:
    return mean_row(Glyphs.name, question, features, case, values, groups, reference)
