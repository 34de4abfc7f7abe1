"""Items that checks of attribution made: altered pictures, and models and samples of them.

Nothing but their check takes them in: no mapper, calibration, evidence or metric, and no pool. Altered
pictures name the image that they were made from, so that removing it removes them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from .lookup import quote
from .tables import Tables

CHECK = "check"
"""The split of models that a check customized."""

CHECK_PREFIX = f"{CHECK}:"
"""What the collections and uris of a check's images, and the schemes of its samples, begin with."""

MADE_FROM = "made_from"
"""The key in the metadata of an altered picture that names the image it was made from."""

_OF_CHECKS = f"like {quote(CHECK_PREFIX + '%')}"

OF_NO_MODEL = f"model_id is null and (scheme is null or not scheme {_OF_CHECKS})"
"""The condition of samples that no model of the store drew and no check made."""


def pool_exemplars(models: pa.Table) -> pa.Array:
    """Ids of all exemplars of models (columns exemplar_ids and split), without those of checks' models."""
    of_checks = pc.fill_null(pc.equal(models["split"], CHECK), False)
    return models["exemplar_ids"].filter(pc.invert(of_checks)).combine_chunks().flatten()


def check_models(tables: Tables) -> set[str]:
    """Ids of the models that checks customized."""
    return set(tables.read("models", ["model_id"], f"split = {quote(CHECK)}")["model_id"].to_pylist())


def check_samples(tables: Tables) -> set[str]:
    """Ids of altered pictures that are samples, and of the samples of models that checks customized."""
    altered = tables.read("samples", ["sample_id"], f"scheme {_OF_CHECKS}")["sample_id"].to_pylist()
    models = pa.array(check_models(tables), pa.string())
    if not len(models):
        return set(altered)
    samples = tables.read("samples", ["sample_id", "model_id"])
    drawn = samples.filter(pc.is_in(samples["model_id"], value_set=models))["sample_id"]
    return {*altered, *drawn.to_pylist()}


def check_images(tables: Tables) -> set[str]:
    """Ids of the images that only checks have: those that are in no other collection."""
    return check_members(tables.read("members"))


def check_members(members: pa.Table) -> set[str]:
    """The same from the rows of `members`."""
    own = pc.starts_with(members["collection"], CHECK_PREFIX)
    others = set(members.filter(pc.invert(own))["image_id"].to_pylist())
    return set(members.filter(own)["image_id"].to_pylist()) - others


def altered_from(tables: Tables, images: Collection[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The altered pictures that were made from some of `images`: images and samples, each -> its original."""
    found: list[dict[str, str]] = []
    for table, key, where in (
        ("images", "image_id", f"uri {_OF_CHECKS}"),
        ("samples", "sample_id", f"scheme {_OF_CHECKS} and model_id is null"),
    ):
        rows = tables.read(table, [key, "metadata"], where).to_pylist() if images else []
        originals = {row[key]: _original(row) for row in rows}
        found.append({item: one for item, one in originals.items() if one in images})
    return found[0], found[1]


def _original(row: Mapping[str, str | None]) -> str:
    return str(json.loads(row["metadata"] or "{}").get(MADE_FROM, ""))
