"""Whether a training would start from the same inputs as before: then its result is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..store import NotFoundError, Store, vectors_table, views_table
from ..store.check_items import pool_exemplars
from ..store.ids import AUGMENTATIONS
from ..store.lookup import quote
from ..store.row_digests import differs, vectors_changed
from .config import RUNGS, MapperConfig
from .pairs import CONTROL_METHOD, CUSTOMIZED, UNTOUCHED, split_of

ROW_COLUMNS = ("config", "table_versions", "created")

RUNGS_OFF = {rung: asdict(MapperConfig())[rung] for rung in RUNGS}
"""The settings of a mapper that has no rung above the paper's recipe."""

READS = ("members", "models", "samples")
"""The tables that a training reads beside vectors."""


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


def same_inputs(
    store: Store, row: dict[str, Any], encoder: str, config: str, *, exemplars: bool = False
) -> bool:
    """Whether `row` was trained with `config` (JSON) on what that chooses of the store as it is now.

    Which is: the models of its splits and concept kinds, their samples, the gallery, and the raw vectors and
    views of these; with `exemplars`, those of all models, too. What else comes or goes does not count: test
    models, sets, what checks made, mapped columns, other files of the same rows.
    """
    settings, before = _without_recipe(config), _without_recipe(row["config"])
    if settings != before:
        return False
    then: dict[str, int] = json.loads(row["table_versions"])
    tables = {vectors_table(encoder), *(views_table(encoder, augment) for augment in AUGMENTATIONS)}
    try:
        versions = {table: store.dataset(table, then[table]) for table in tables & then.keys()}
        moved = {name: one for name, one in versions.items() if differs(one, store.dataset(name))}
        now = store.versions()
        if not moved and all(then[table] == now[table] for table in READS):
            return True
        read = LearnedItems.read(store, settings, then, exemplars)
        if read != LearnedItems.read(store, settings, now, exemplars):
            return False
        items = read.items()
        return not any(vectors_changed(one, store.dataset(name), items) for name, one in moved.items())
    except (NotFoundError, KeyError):  # a version is gone, or a release's mapper has none
        return False


@dataclass(frozen=True)
class LearnedItems:
    """What the settings of a training choose at some versions of the tables.

    Attributes:
        models: rows of models, in order of their ids.
        samples: rows of the samples of these, in order of their ids.
        gallery: sorted ids of its images.
        pool: sorted ids of the images that samples are compared with: the gallery, or all exemplars as well.
    """

    models: pa.Table
    samples: pa.Table
    gallery: pa.Array
    pool: pa.Array

    @classmethod
    def read(
        cls, store: Store, settings: Mapping[str, Any], versions: Mapping[str, int], exemplars: bool
    ) -> LearnedItems:
        """As `same_inputs` says. Raises NotFoundError for a version that is gone."""
        tables = {name: store.dataset(name, versions[name]) for name in READS}
        every = tables["models"].to_table(
            columns=["model_id", "method", "concept_kind", "exemplar_ids", "split"]
        )
        models = every.filter(_chosen(every, settings)).sort_by("model_id")
        samples = tables["samples"].to_table(columns=["sample_id", "model_id", "scheme"])
        samples = samples.filter(pc.is_in(samples["model_id"], value_set=models["model_id"].combine_chunks()))
        where = f"collection = {quote(settings['gallery'])}"
        gallery = tables["members"].to_table(columns=["image_id"], filter=where)["image_id"].combine_chunks()
        pool = pc.unique(pa.concat_arrays([gallery, pool_exemplars(every)])) if exemplars else gallery
        return cls(
            _plain(models),
            _plain(samples.sort_by("sample_id")),
            *(ids.take(pc.array_sort_indices(ids)) for ids in (gallery, pool)),
        )

    def items(self) -> pa.Array:
        """The ids of all whose vectors are read."""
        exemplars = self.models["exemplar_ids"].combine_chunks().flatten()
        return pa.concat_arrays([exemplars, self.samples["sample_id"].combine_chunks(), self.pool])


def _chosen(models: pa.Table, settings: Mapping[str, Any]) -> pa.ChunkedArray:
    """Which of `models` a training reads: to learn from and to validate on, or held-out ones alone."""
    on = settings.get("on", CUSTOMIZED)
    splits = [settings["split"]] if "split" in settings else [split_of("train", on), split_of("val", on)]
    chosen = pc.is_in(models["split"], value_set=pa.array(splits, pa.string()))
    untouched = pc.fill_null(pc.equal(models["method"], CONTROL_METHOD), False)
    chosen = pc.and_(chosen, untouched if on == UNTOUCHED else pc.invert(untouched))
    if "kinds" not in settings:
        return chosen
    kinds = pa.array(settings["kinds"], pa.string())
    return pc.and_(chosen, pc.is_in(models["concept_kind"], value_set=kinds))


def _plain(rows: pa.Table) -> pa.Table:
    """The rows without what their schema says beside types: whether a column may be null is no input."""
    return pa.table({name: rows[name] for name in rows.column_names})


def _without_recipe(config: str) -> dict[str, Any]:
    """The settings without the name of the recipe that they come from: it decides nothing by itself.

    Rungs that an older version did not know are filled in as off, so its mappers count as what they are.
    """
    settings: dict[str, Any] = json.loads(config)
    settings.pop("recipe", None)
    if "temperature" in settings:
        settings = RUNGS_OFF | settings
    return settings
