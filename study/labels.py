"""Labelled retrieval in a study: by which labels, and its runs for all features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow.compute as pc

from ..query import Features, retrieve_by_label
from ..query.evaluation.labelled import label_field
from ..query.image_fields import read_field
from ..store import NotFoundError, Step, Store
from ..store.errors import UnknownFieldError
from .folder import Skipped
from .plan import StudyPlan

LABELS = ("artist", "style", "genre", "set", "category")
"""The labels that are taken where the plan names none: the paper's, and those of the embedded world."""

MOST_IMAGES = 20_000
"""Labelled images, above which a label is taken only where the plan names it: all are compared with all."""


def choose_labels(store: Store, plan: StudyPlan) -> tuple[tuple[str, ...], tuple[Skipped, ...]]:
    """The plan's labels; where it names none, those of LABELS that images have, and what is too large.

    Raises UnknownFieldError for a label of the plan that no image has.
    """
    if plan.labels is not None:
        for label in plan.labels:
            _count(store, label)
        return plan.labels, ()
    chosen, skipped = [], []
    for label in LABELS:
        try:
            count = _count(store, label)
        except UnknownFieldError:
            continue
        if count > MOST_IMAGES:
            reason = f"{count:,} images have it; name it in the plan's `labels` to compare all of them"
            skipped.append(Skipped(f"retrieval by {label}", reason))
        elif count > 1:
            chosen.append(label)
    return tuple(chosen), tuple(skipped)


def retrieve_labels(
    store: Store, labels: Sequence[str], features: Sequence[Features], skipped: list[Skipped]
) -> Iterator[Step]:
    """mAP@K of every label with all features; what has no two images to compare is added to `skipped`."""
    for label in labels:
        for one in features:
            try:
                yield from retrieve_by_label(store, label, one.encoder, one.mapper)
            except NotFoundError as error:
                skipped.append(Skipped(f"retrieval by {label} with {one}", str(error)))


def _count(store: Store, label: str) -> int:
    """How many images have the label. Raises UnknownFieldError for a field that none has."""
    values = read_field(store, label_field(label)).values
    return int(pc.sum(pc.fill_null(pc.not_equal(values, ""), False)).as_py() or 0)
