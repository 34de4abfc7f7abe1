"""Exemplars altered in a known way before customizing: does the answer follow the altered image?

Models of the store are customized once more, on an altered exemplar; the original stands in the pool beside
it. Attribution that sees what the model learned ranks the altered image above the original for samples of
these models, and below it for samples of the models of the original, with the same prompts and seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...query import Features
from ...query.catalog import gallery_ids
from ...query.evaluation.abstention import wilson_interval
from ...query.evaluation.cases import Sample
from ...query.evaluation.ranks import TIE
from ...query.features import FeatureReader, ImageSet, Pinned
from ...runtime.model_files import can_embed
from ...store import Step, Store
from ...store.check_items import CHECK_PREFIX
from .alterations import EXEMPLARS
from .check import ALL, CheckFigure, CheckPlan, CheckRow
from .customized import Original, make_models, pick_originals, read_samples
from .making import Altered, altered_images, embed_all, make_images
from .means import mean_row
from .ranking import rank_images

ITEMS = f"{CHECK_PREFIX}altered"
"""The collection of the altered exemplars, and how the cases of their models begin."""

FOLLOWS = "altered above the original"
FOLLOWS_CONTROL = "altered above the original, for models of the original"
BEYOND = "altered above the original, beyond models of the original"
RANK, RANK_ORIGINAL = "mean rank of the altered exemplar", "mean rank of the original"
MODELS = "models that follow the altered exemplar"
HALF = 0.5


@dataclass(frozen=True)
class Pairs:
    """Samples with the ranks of an altered image and of its original in one pool.

    Attributes:
        altered: (samples,) ranks; 1 is best.
        original: (samples,) ranks.
        follows: (samples,) 1 where the altered image is more similar, 0 where the original is; HALF where
            they tie, as where the change changes nothing.
        groups: (samples,) the original.
        models: (samples,) the model.
        cases: (samples,) the alteration.
    """

    altered: NDArray[np.int64]
    original: NDArray[np.int64]
    follows: NDArray[np.float64]
    groups: NDArray[np.str_]
    models: NDArray[np.str_]
    cases: NDArray[np.str_]

    def of_case(self, name: str) -> Pairs:
        """Those of one alteration."""
        return Pairs(*(values[self.cases == name] for values in vars(self).values()))

    def share(self, group: str) -> float:
        """The mean of `follows` over the samples of one original."""
        return float(self.follows[self.groups == group].mean())


class AlteredExemplars:
    """The check `altered`."""

    name: ClassVar[str] = "altered"
    title: ClassVar[str] = "Exemplars altered before customizing"
    numbers: ClassVar[Mapping[str, int]] = MappingProxyType({"models": 8, "samples": 8})

    def prepare(self, store: Store, plan: CheckPlan) -> Iterator[Step]:
        """Store the altered exemplars, customize and sample a model on each, and embed all of it.

        Raises NotFoundError where the base of the store's models is not there.
        """
        originals = self._originals(store, plan)
        wanted = [Altered(one.exemplar, alteration) for one in originals for alteration in EXEMPLARS]
        yield from make_images(store, ITEMS, wanted)
        images = altered_images(store, ITEMS)
        specs = [
            one.altered(f"{ITEMS} {alteration.name}", images[one.exemplar, alteration.name])
            for one in originals
            for alteration in EXEMPLARS
            if (one.exemplar, alteration.name) in images
        ]
        if specs:
            yield from make_models(store, specs, originals[0].row["base_model"], plan)
            yield from embed_all(store, plan)

    def rows(self, store: Store, plan: CheckPlan) -> list[CheckRow]:
        """By alteration: shares of samples, mean ranks of both images, and models that follow.

        Raises ConflictError for vectors that are missing.
        """
        originals = {one.exemplar: one for one in self._originals(store, plan)}
        made = {image: original for (original, _), image in altered_images(store, ITEMS).items()}
        cases = read_samples(store, f"{ITEMS} ")
        samples = [s for own in cases.values() for s in own if made[s.exemplars[0]] in originals]
        controls = _controls(samples, made, originals)
        if not samples:
            return []
        case_of = {s.exemplars[0]: name.removeprefix(f"{ITEMS} ") for name, own in cases.items() for s in own}
        pinned = Pinned.now(store)
        rows: list[CheckRow] = []
        for features in plan.features:
            if not can_embed(store, features.encoder):
                continue
            reader = FeatureReader(pinned, features.encoder, features.mapper)
            gallery = ImageSet(reader, gallery_ids(pinned))
            altered, control = (
                rank_pairs(some, made, case_of, reader, gallery) for some in (samples, controls)
            )
            for name in [one.name for one in EXEMPLARS if one.name in altered.cases]:
                rows += _rows(features, name, altered.of_case(name), control.of_case(name))
            rows += _rows(features, ALL, altered, control)
        return rows

    def figures(self, store: Store, plan: CheckPlan) -> list[CheckFigure]:  # noqa: ARG002
        """It has none."""
        return []

    def _originals(self, store: Store, plan: CheckPlan) -> list[Original]:
        models, samples = (plan.number(self.name, name, default) for name, default in self.numbers.items())
        return pick_originals(store, models, samples)


def rank_pairs(
    samples: Sequence[Sample],
    made: Mapping[str, str],
    case_of: Mapping[str, str],
    features: FeatureReader,
    gallery: ImageSet,
) -> Pairs:
    """Rank the altered image of each sample (its one exemplar) and the original among the gallery.

    Args:
        samples: each with one exemplar, an altered image.
        made: the original of each altered image.
        case_of: its alteration.
        features: of an encoder and mapper.
        gallery: the rest of the pool.
    """
    both = [one._replace(exemplars=(one.exemplars[0], made[one.exemplars[0]])) for one in samples]
    ranks, similarities = rank_images(both, features, gallery)
    apart = similarities[:, 0] - similarities[:, -1]
    return Pairs(
        altered=ranks[:, 0],
        original=ranks[:, -1],
        follows=np.where(np.abs(apart) <= TIE, HALF, (apart > 0).astype(np.float64)),
        groups=np.array([made[one.exemplars[0]] for one in samples], np.str_),
        models=np.array([one.model_id for one in samples], np.str_),
        cases=np.array([case_of[one.exemplars[0]] for one in samples], np.str_),
    )


def _controls(
    samples: Sequence[Sample], made: Mapping[str, str], originals: Mapping[str, Original]
) -> list[Sample]:
    """Samples of the models of the originals, once for each altered image that `samples` are compared by."""
    images = sorted({one.exemplars[0] for one in samples})
    return [
        Sample(row["sample_id"], originals[made[image]].row["model_id"], row["scheme"], (image,))
        for image in images
        for row in originals[made[image]].samples
    ]


def _rows(features: Features, case: str, altered: Pairs, control: Pairs) -> list[CheckRow]:
    def row(question: str, values: NDArray[np.float64], pairs: Pairs, reference: float | None) -> CheckRow:
        return mean_row("altered", question, features, case, values, pairs.groups, reference)

    found = [row(FOLLOWS, altered.follows, altered, HALF)]
    if len(control.groups):
        found.append(row(FOLLOWS_CONTROL, control.follows, control, HALF))
        both = np.intersect1d(altered.groups, control.groups)
        beyond = [altered.share(one) - control.share(one) for one in both]
        found.append(mean_row("altered", BEYOND, features, case, np.array(beyond), both, 0.0))
    found.append(row(RANK, altered.altered.astype(np.float64), altered, None))
    found.append(row(RANK_ORIGINAL, altered.original.astype(np.float64), altered, None))
    models, codes = np.unique(altered.models, return_inverse=True)
    shares = np.bincount(codes, altered.follows) / np.bincount(codes)
    following = float(np.sum(shares > HALF) + HALF * np.sum(shares == HALF))
    low, high = wilson_interval(following, len(models))
    about = ("altered", MODELS, features.encoder, features.mapper, case)
    return [*found, CheckRow(*about, following / len(models), low, high, HALF, len(models))]
