"""Whether a run would have the same ranks at newer table versions.

Ranks depend on the vectors of the gallery, of the samples and of their exemplars, and on which these are. The
vectors of a mapper are its column of the vector table, so nothing else of the mapper is compared. Versions of
tables change for other reasons too: compaction, another mapper, members of another collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...store.errors import ConflictError, NotFoundError
from ...store.row_digests import differing_fragments, item_ids, vector_digests
from ..catalog import gallery_ids
from ..features import FeatureReader, Pinned
from .cases import Sample, read_cases

Part = tuple[str, str, str]
"""Case, split and scheme."""

MODULUS = 1 << 128


def read_parts(pinned: Pinned, case: str | None = None) -> dict[Part, tuple[Sample, ...]]:
    """The samples of every case, split and scheme. Raises NotFoundError as `read_cases`."""
    parts: dict[Part, list[Sample]] = {}
    for evaluated in read_cases(pinned, case):
        for sample in evaluated.samples:
            parts.setdefault((evaluated.name, evaluated.split, sample.scheme), []).append(sample)
    return {part: tuple(samples) for part, samples in parts.items()}


def unchanged_parts(
    before: Pinned, now: Pinned, encoder: str, mapper: str, parts: Mapping[Part, tuple[Sample, ...]]
) -> set[Part]:
    """Those of `parts`, the samples of `now`, whose ranks at the versions `before` are those of now."""
    try:
        same = _same_samples(before, now, parts)
        pool = _common_gallery(before, now, encoder, mapper)
        features = FeatureReader(before, encoder, mapper), FeatureReader(now, encoder, mapper)
    except (NotFoundError, ConflictError):  # a version, a column or the gallery is gone
        return set()
    if not same or pool is None:
        return set()
    own = {part: _own_items(parts[part]) for part in same}
    changed = _changed_items(*features, pool, set().union(*own.values()))
    return set() if changed is None else {part for part in same if changed.isdisjoint(own[part])}


def _same_samples(before: Pinned, now: Pinned, parts: Mapping[Part, tuple[Sample, ...]]) -> set[Part]:
    """The parts that had the same samples and exemplars."""
    if all(before.versions.get(table) == now.versions.get(table) for table in ("models", "samples")):
        return set(parts)
    old = read_parts(before)
    return {part for part, samples in parts.items() if old.get(part) == samples}


def _common_gallery(before: Pinned, now: Pinned, encoder: str, mapper: str) -> pa.Array | None:
    """The gallery's image ids; None where an embedded image was added or removed."""
    ids = gallery_ids(now)
    if before.versions.get("members") == now.versions.get("members"):
        return ids
    old = gallery_ids(before)
    for pinned, mine, others in ((now, ids, old), (before, old, ids)):
        alone = mine.filter(pc.invert(pc.is_in(mine, value_set=others)))
        if len(alone) and (FeatureReader(pinned, encoder, mapper).positions(alone) >= 0).any():
            return None
    return ids


def _own_items(samples: Sequence[Sample]) -> set[str]:
    """The samples and their exemplars, by id."""
    return {item for sample in samples for item in (sample.sample_id, *sample.exemplars)}


def _changed_items(
    before: FeatureReader, now: FeatureReader, gallery: pa.Array, own: set[str]
) -> set[str] | None:
    """Those of `own` whose vectors differ; None where the gallery's do."""
    fragments = differing_fragments(before.dataset, now.dataset, ["item_id", now.column])
    totals, digests = [], []
    for features, differing in zip((before, now), fragments, strict=True):
        total, by_item = _digests(features, differing, gallery, pa.array(sorted(own), pa.string()))
        totals.append(total)
        digests.append(by_item)
    if totals[0] != totals[1]:
        return None
    old, new = digests
    return {item for item in old.keys() | new.keys() if old.get(item) != new.get(item)}


def _digests(
    features: FeatureReader, fragments: list[Any], gallery: pa.Array, own: pa.Array
) -> tuple[int, dict[str, int]]:
    """The sum of the gallery's digests in `fragments`, and the digest of each of `own` there."""
    ids = item_ids(features.dataset, fragments)
    in_gallery, mine = (np.asarray(pc.is_in(ids, value_set=some)) for some in (gallery, own))
    total, by_item = 0, {}
    chosen = in_gallery | mine
    digests = vector_digests(features.dataset, fragments, features.column, chosen)
    for row, digest in zip(np.flatnonzero(chosen).tolist(), digests, strict=True):
        if mine[row]:
            by_item[ids[row].as_py()] = digest
        if in_gallery[row]:
            total = (total + digest) % MODULUS
    return total, by_item
