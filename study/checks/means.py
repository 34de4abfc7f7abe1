"""Rows of means over samples, with intervals over models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...query import Features
from ...query.sql.bootstrap import bounds, too_few
from .check import CheckRow


def mean_row(
    check: str,
    question: str,
    features: Features,
    case_name: str,
    values: NDArray[np.floating],
    groups: Sequence[Any] | NDArray[Any],
    reference: float | None,
) -> CheckRow:
    """The mean of `values` (samples,), its interval from resampling whole `groups` (samples,).

    Groups are models, or images that several models or copies are made of. Fewer than five have no interval.
    """
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    counts = np.bincount(codes)
    low: float | None = None
    high: float | None = None
    if not too_few(len(counts)):
        lows, highs = bounds(np.bincount(codes, values)[:, None].astype(np.float64), counts)
        low, high = float(lows[0]), float(highs[0])
    about = (check, question, features.encoder, features.mapper, case_name)
    return CheckRow(*about, float(np.mean(values)), low, high, reference, models=len(counts))
