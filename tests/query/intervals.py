"""Bootstrap intervals of means of samples, from the sums over groups that `bootstrap.bounds` takes."""

import numpy as np
from attribase.query.sql.bootstrap import Interval, bounds


def interval(values, groups, **settings):
    """The mean of `values` (samples,) with its interval; `groups` (samples,) is the model of each sample."""
    numbers = np.asarray(values, np.float64)
    names = {group: code for code, group in enumerate(sorted(set(groups), key=str))}
    codes = np.array([names[group] for group in groups])
    counts = np.bincount(codes)
    low, high = bounds(np.bincount(codes, numbers)[:, None], counts, **settings)
    confidence = settings.get("confidence", 0.95)
    return Interval(numbers.mean(), low[0], high[0], confidence, numbers.size, len(counts))


def paired_difference(first, second, groups, **settings):
    """The mean of `second - first`, two measurements of the same samples, with its interval."""
    return interval(np.subtract(second, first), groups, **settings)
