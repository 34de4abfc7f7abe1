"""Copy detection: queries that are training images, altered; figure 12 and B.3 of the paper.

`originals` images of the gallery are altered in every way of COPIES: the copies. As many others are altered
in the same ways and left out of the pool: the distractors, of which no copy is there to be found. The
altered pictures are samples without a model, so that no metric, calibration or mapper takes them in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...query import Features
from ...query.catalog import gallery_ids
from ...query.evaluation.calibration import read_law
from ...query.evaluation.cases import Sample
from ...query.features import FeatureReader, ImageSet, Pinned
from ...query.sql.bootstrap import RESAMPLES, too_few
from ...runtime.mapper import RAW
from ...runtime.model_files import can_embed
from ...store import ConflictError, Step, Store
from ...store.check_items import CHECK_PREFIX
from .alterations import COPIES
from .check import ALL, CheckFigure, CheckPlan, CheckRow
from .copy_scores import CopyScores, score_copies
from .dropoff import DropOff, dropoff_plot
from .making import Altered, embed_all, make_samples, pick_images, reads_captions
from .means import mean_row

ITEMS = f"{CHECK_PREFIX}copies"
"""The scheme of the altered pictures."""

FIRST, RANK = "original first", "median rank of the original"
PRECISION = "micro average precision"
ORIGINAL, NEXT = "influence of the original", "influence of the image after it"
ORIGINAL_SIMILARITY, NEXT_SIMILARITY = "similarity of the original", "similarity of the image after it"


Measured: TypeAlias = tuple[Features, Sequence[Sample], CopyScores]


class CopyDetection:
    """The check `copies`: is a training image found in its altered copy, and does influence fall after it?"""

    name: ClassVar[str] = "copies"
    title: ClassVar[str] = "Copy detection"
    numbers: ClassVar[Mapping[str, int]] = MappingProxyType({"originals": 60})

    def __init__(self) -> None:
        self._kept: tuple[object, list[Measured]] | None = None

    def prepare(self, store: Store, plan: CheckPlan) -> Iterator[Step]:
        """Store the altered pictures, embed them and compare them: the longest part of many encoders."""
        copied, left_out = self._originals(store, plan)
        wanted = [Altered(image, alteration) for image in copied + left_out for alteration in COPIES]
        yield from make_samples(store, ITEMS, wanted)
        yield from embed_all(store, plan)
        yield from self._measure_all(store, plan)

    def rows(self, store: Store, plan: CheckPlan) -> list[CheckRow]:
        """For each of the features: originals found by alteration, uAP, and influence after the copy.

        Features of encoders without a network in the store are left out: they know no new pictures.

        Raises ConflictError for pictures or vectors that are missing.
        """
        rows: list[CheckRow] = []
        for features, copies, scores in self._measured(store, plan):
            must = features.mapper == RAW and not reads_captions(store, features.encoder)
            rows += _rows(features, [one.scheme for one in copies], scores, must_find=must)
        return rows

    def figures(self, store: Store, plan: CheckPlan) -> list[CheckFigure]:
        """Influence by rank after the copies, or similarity where nothing is calibrated."""
        measured = self._measured(store, plan)
        figures = []
        for what in ("influence", "similarity"):
            curves = [_dropoff(features, scores, what) for features, _, scores in measured]
            kept = [curve for curve in curves if curve is not None]
            if kept:
                svg = dropoff_plot(kept, what)
                rows = [row for curve in kept for row in curve.rows(what)]
                title = f"Copies of training images: {what} of the original, and of the images after it"
                figures.append(CheckFigure(f"copies-{what}", title, svg, rows))
        return figures

    def _originals(self, store: Store, plan: CheckPlan) -> tuple[list[str], list[str]]:
        """Images that are copied, and images that are left out of the pool for the distractors."""
        count = plan.number(self.name, "originals", self.numbers["originals"])
        picked = pick_images(store, ITEMS, 2 * count)
        return picked[::2], picked[1::2]

    def _measured(self, store: Store, plan: CheckPlan) -> list[Measured]:
        """The scores of each of the features."""
        for _ in self._measure_all(store, plan):
            pass
        return self._kept[1] if self._kept else []

    def _measure_all(self, store: Store, plan: CheckPlan) -> Iterator[Step]:
        """Measure, unless the scores of the last call are of the same tables and plan; a step a feature."""
        pinned = Pinned.now(store)
        key = store.uri, tuple(sorted(pinned.versions.items())), plan.features, str(plan.settings)
        if self._kept is not None and self._kept[0] == key:
            return
        found: list[Measured] = []
        for one in self._measure(store, plan, pinned):
            found.append(one)
            yield Step(f"{ITEMS} ranked", len(found), len(plan.features), str(one[0]))
        self._kept = key, found

    def _measure(self, store: Store, plan: CheckPlan, pinned: Pinned) -> Iterator[Measured]:
        copied, left_out = self._originals(store, plan)
        pool_ids = gallery_ids(pinned).filter(
            pc.invert(pc.is_in(gallery_ids(pinned), value_set=pa.array(left_out, pa.string())))
        )
        stored = store.held("samples", [one.item_id(ITEMS) for one in _every(copied + left_out)])
        copies = [one for one in _samples(copied, known=True) if one.sample_id in stored]
        distractors = [one for one in _samples(left_out, known=False) if one.sample_id in stored]
        for features in plan.features:
            if not copies or len(pool_ids) < 2 or not can_embed(store, features.encoder):
                continue
            reader = FeatureReader(pinned, features.encoder, features.mapper)
            try:
                law = read_law(pinned, features.encoder, features.mapper)
            except ConflictError:  # the mapper was trained again since it was calibrated
                law = None
            yield features, copies, score_copies(copies, distractors, reader, ImageSet(reader, pool_ids), law)


def _every(images: Sequence[str]) -> list[Altered]:
    return [Altered(image, alteration) for image in images for alteration in COPIES]


def _samples(images: Sequence[str], *, known: bool) -> list[Sample]:
    """The altered pictures of `images`: a group of samples each, whose exemplar is the original if known."""
    return [
        Sample(one.item_id(ITEMS), one.original, one.alteration.name, (one.original,) if known else ())
        for one in _every(images)
    ]


def _rows(
    features: Features, alterations: Sequence[str], scores: CopyScores, *, must_find: bool
) -> list[CheckRow]:
    """`must_find`: an unaltered copy has the vector of its original, which so must be first."""
    check, chance = CopyDetection.name, 1 / scores.pool
    first = (scores.ranks == 1).astype(np.float64)
    names = np.array(alterations)
    rows = []
    for name in dict.fromkeys(alterations):
        row = mean_row(
            check, FIRST, features, name, first[names == name], scores.groups[names == name], chance
        )
        passed = row.value == 1.0 if must_find and name == COPIES[0].name else None
        rows += [replace(row, passed=passed), _median_row(row, scores.ranks[names == name], scores.pool)]
    rows.append(mean_row(check, FIRST, features, ALL, first, scores.groups, chance))
    groups = len(np.unique(scores.groups))
    pairs = scores.above.shape[1] / groups * len(first) * scores.pool
    low, high = scores.interval()
    common = (check, PRECISION, features.encoder, features.mapper, ALL)
    rows.append(
        CheckRow(*common, scores.average_precision(), low, high, reference=len(first) / pairs, models=groups)
    )
    if scores.influence is None:
        shown = [(ORIGINAL_SIMILARITY, scores.similarities), (NEXT_SIMILARITY, scores.others[:, 0])]
    else:
        shown = [(ORIGINAL, scores.influence[:, 0]), (NEXT, scores.influence[:, 1])]
    for question, values in shown:
        rows.append(mean_row(check, question, features, ALL, values, scores.groups, None))
    return rows


def _median_row(row: CheckRow, ranks: NDArray[np.int64], pool: int) -> CheckRow:
    """The median rank, one copy of each original; by chance it is the middle of the pool."""
    low: float | None = None
    high: float | None = None
    if not too_few(row.models):
        drawn = np.random.default_rng(0).integers(len(ranks), size=(RESAMPLES, len(ranks)))
        low, high = np.quantile(np.median(ranks[drawn], axis=1), [0.025, 0.975]).tolist()
    value, middle = float(np.median(ranks)), (pool + 1) / 2
    return replace(row, question=RANK, value=value, low=low, high=high, reference=middle)


def _dropoff(features: Features, scores: CopyScores, what: str) -> DropOff | None:
    """The means over copies by place after the original; None for influence that is not calibrated."""
    if what == "influence":
        values = scores.influence
    else:
        values = np.column_stack([scores.similarities, scores.others])
    return None if values is None else DropOff.of(features, values, scores.groups)
