"""Train h and h~ on pairs (eq. 3 and 4), keep the best epoch, and map every item with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ..runtime.mapper import column_is_full
from ..runtime.mapper_cluster import fill_column_steps
from ..store import Step, Store, key_id, views_table
from ..store.columns import utc_now
from .config import MapperConfig
from .data import encoder_table, load_data
from .fit import fit
from .hubness import shift_images
from .provenance import input_versions, read_trained_row, same_inputs
from .start import start_pair

STAGE = "train-mapper"


def train_mapper(
    store: Store, encoder: str, config: MapperConfig, *, ray: str | None = None
) -> Iterator[Step]:
    """Train the mapper `config.name`, write its `mappers` row and fill its column for every item.

    The epoch with the best Recall@10 on the `val` models is kept (the smaller validation loss where two
    are equal, epoch 0 being the start); without `val` models, the last. The same seed and tables give
    the same weights on the same machine. Yields nothing when this was done before on the same rows.
    With `ray`, the address of a Ray cluster, the column is filled by its nodes.

    Raises:
        NotFoundError: nothing is embedded.
        InvalidInputError: fewer than two models to learn from, or views that are not embedded.
    """
    settings = json.dumps(asdict(config), sort_keys=True)
    if _is_current(store, encoder, config.name, settings):
        return
    versions = input_versions(
        store,
        encoder_table(store, encoder),
        *([views_table(encoder, config.augment)] if config.views else []),
    )
    data = load_data(store, encoder, config)
    start = start_pair(data, data.spans, config)
    history: list[dict[str, Any]] = []
    pair, best_epoch = shift_images(start, data, config).frozen(), 0
    for record, current, improved in fit(start, data, config):
        history.append(record)
        if improved:
            pair, best_epoch = current.frozen(), int(record["epoch"])
        yield Step(STAGE, int(record["epoch"]), config.epochs, _note(record))
    row = {
        "mapper_id": key_id(encoder, config.name),
        "encoder": encoder,
        "mapper": config.name,
        "kind": pair.kind,
        "weights": pair.to_bytes(),
        "config": settings,
        "history": json.dumps(history, sort_keys=True),
        "best_epoch": best_epoch,
        "table_versions": json.dumps(versions, sort_keys=True),
        "created": utc_now(),
    }
    # before the row: a listed mapper has its vectors
    yield from fill_column_steps(store, encoder, config.name, pair, ray=ray)
    store.upsert("mappers", [row], update=True)
    yield Step(STAGE, config.epochs, config.epochs, _kept(best_epoch, config))


def _kept(epoch: int, config: MapperConfig) -> str:
    """The note of the last step: which epoch was kept, and a warning where it is the start."""
    if epoch:
        return f"kept epoch {epoch}"
    start = "the raw features" if config.start == "identity" else "the map in closed form"
    if config.map == "mlp":
        start = "random weights"
    return (
        f"warning: kept epoch 0: nothing was learned beyond {start}; no epoch ranked the exemplars of val "
        "models better. More models, or another --lr or --recipe, may help"
    )


def _is_current(store: Store, encoder: str, name: str, settings: str) -> bool:
    """Whether this mapper was trained before on the same rows, and every item is mapped."""
    trained = read_trained_row(store, "mappers", encoder, name)
    return (
        trained is not None
        and same_inputs(store, trained, encoder, settings)
        and column_is_full(store, encoder, name)
    )


def _note(record: dict[str, Any]) -> str:
    parts = [f"{name} {record[name]:.4f}" for name in ("loss", "val_recall_10") if name in record]
    return ", ".join(parts)
