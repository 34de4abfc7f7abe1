"""Whether a training would start from the same inputs as before: then its result is kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..store import NotFoundError, Store, vectors_table, views_table
from ..store.check_items import check_images, check_models, check_samples
from ..store.ids import AUGMENTATIONS
from ..store.lookup import quote
from ..store.row_digests import raw_vectors_changed
from .config import RUNGS, MapperConfig

ROW_COLUMNS = ("config", "table_versions", "created")

RUNGS_OFF = {rung: asdict(MapperConfig())[rung] for rung in RUNGS}
"""The settings of a mapper that has no rung above the paper's recipe."""

READS = {
    "members": ("collection", "image_id"),
    "models": ("model_id", "method", "concept_kind", "exemplar_ids", "split"),
    "samples": ("sample_id", "model_id", "scheme"),
}
"""The tables and columns that a training reads beside vectors; the key first."""


def read_trained_row(
    store: Store, table: str, encoder: str, mapper: str, version: int | None = None
) -> dict[str, Any] | None:
    """The row of `mappers` or `calibrations` for this encoder and mapper, without its weights.

    Raises NotFoundError for a `version` of the table that is gone.
    """
    where = f"encoder = {quote(encoder)} and mapper = {quote(mapper)}"
    rows = store.dataset(table, version).to_table(columns=list(ROW_COLUMNS), filter=where).to_pylist()
    return rows[0] if rows else None


def input_versions(store: Store, *tables: str) -> dict[str, int]:
    """The newest versions of what a training reads: READS and `tables`. To be read before the data.

    What is committed while the data is read may or may not be in it; the next call trains again then.
    """
    wanted = {*READS, *tables}
    return {table: version for table, version in store.versions().items() if table in wanted}


def same_inputs(store: Store, row: dict[str, Any], encoder: str, config: str) -> bool:
    """Whether `row` was trained with `config` (JSON) on the rows that are there now.

    Mapped columns come and go without a change of what is read: of tables of vectors and views the number of
    rows is compared, of vectors also the raw ones that were written since (features from elsewhere may be
    replaced); of the others the rows themselves where the version is another. What checks made does not
    count: no training reads it.
    """
    settings, before = _without_recipe(config), _without_recipe(row["config"])
    if settings != before:
        return False
    then: dict[str, int] = json.loads(row["table_versions"])
    tables = {vectors_table(encoder), *(views_table(encoder, augment) for augment in AUGMENTATIONS)}
    counted = tables & then.keys()
    now = store.versions()
    try:
        if any(_grew(store, table, then[table]) for table in counted):
            return False
        vectors = vectors_table(encoder)
        if vectors in then and raw_vectors_changed(
            store.dataset(vectors, then[vectors]), store.dataset(vectors)
        ):
            return False
        return all(
            then[table] == now[table]
            or _rows(store, table, then[table], settings["gallery"])
            == _rows(store, table, now[table], settings["gallery"])
            for table in READS
        )
    except NotFoundError:  # a version is gone
        return False


def _without_recipe(config: str) -> dict[str, Any]:
    """The settings without the name of the recipe that they come from: it decides nothing by itself.

    Rungs that an older version did not know are filled in as off, so its mappers count as what they are.
    """
    settings: dict[str, Any] = json.loads(config)
    settings.pop("recipe", None)
    if "temperature" in settings:
        settings = RUNGS_OFF | settings
    return settings


def _grew(store: Store, table: str, version: int) -> bool:
    """Whether a table of vectors has more or fewer rows than at `version`, without items of checks."""
    if store.dataset(table, version).count_rows() == store.count(table):
        return False
    of_checks = pa.array(check_images(store) | check_samples(store), pa.string())
    if not len(of_checks):
        return True
    before, now = (
        store.dataset(table, at).to_table(columns=["item_id"])["item_id"] for at in (version, None)
    )
    left = [len(ids) - pc.sum(pc.is_in(ids, value_set=of_checks)).as_py() for ids in (before, now)]
    return bool(left[0] != left[1])


def _rows(store: Store, table: str, version: int, gallery: str) -> pa.Table:
    """What a training reads of `table`, in order of the key; of members the gallery's alone."""
    columns = READS[table]
    where = f"collection = {quote(gallery)}" if table == "members" else None
    rows = store.dataset(table, version).to_table(columns=list(columns), filter=where)
    for_checks = {"models": check_models, "samples": check_samples}.get(table)
    if for_checks is not None and (found := for_checks(store)):
        rows = rows.filter(pc.invert(pc.is_in(rows[columns[0]], value_set=pa.array(found, pa.string()))))
    rows = pa.table({name: rows[name] for name in columns})  # whether a column may be null does not count
    return rows.sort_by("image_id" if table == "members" else columns[0])
