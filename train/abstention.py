"""Null scores and exemplar scores of held-out models: what answers "none of these" are decided by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..runtime.abstention import TABLE, ModelScores, load_abstention, model_scores, scores_to_json
from ..runtime.mapper import RAW, normalise, to_rows
from ..runtime.moments import ensure_moments, ids_digest, load_moments, mapper_digest
from ..runtime.pool_scores import OwnedSamples, PoolPass
from ..store import Step, Store, key_id, mapped_column, vectors_table
from ..store.check_items import pool_exemplars
from ..store.columns import utc_now
from ..store.errors import InvalidInputError
from ..store.lookup import quote
from .data import embedded_items, encoder_table, load_features
from .pairs import TrainModel, load_models
from .provenance import input_versions, read_trained_row, same_inputs

STAGE = "train-abstention"
BLOCK = 4096
"""Rows of the vector table read at once."""


@dataclass(frozen=True)
class AbstentionConfig:
    """split: of the held-out models. gallery: the collection that is the pool, with every exemplar."""

    split: str = "val"
    gallery: str = "gallery"


def train_abstention(
    store: Store, encoder: str, mapper: str, config: AbstentionConfig | None = None
) -> Iterator[Step]:
    """Score the samples of held-out models for `mapper` ('none': raw features); write the `abstentions` row.

    The pool is the gallery and every exemplar, as for answers. A null score is the best one without the
    exemplars of the sample's own model. Yields nothing when this was done before on the same rows.

    Raises:
        NotFoundError: nothing is embedded.
        InvalidInputError: no held-out model, no gallery, no such mapper.
    """
    config = config or AbstentionConfig()
    settings = json.dumps(asdict(config), sort_keys=True)
    column = "base" if mapper == RAW else mapped_column(mapper)
    if column not in store.schema(encoder_table(store, encoder)).names:
        raise InvalidInputError(f"{encoder} has no mapper {mapper!r}", hint="train the mapper first")
    if _is_current(store, encoder, mapper, settings):
        return
    versions = input_versions(store, encoder_table(store, encoder))  # before the data
    of_mapper = mapper_digest(store, encoder, mapper)
    moments = ensure_moments(store, encoder, mapper, config.gallery)
    models = load_models(store, config.split, embedded_items(store, encoder))
    if not models:
        raise InvalidInputError(
            f"no embedded model has the split {config.split!r}",
            hint=f"customize, sample and embed models with split {config.split!r} first",
        )
    pool = pool_ids(store, encoder, config.gallery)
    yield Step(STAGE, 0, len(pool), f"{len(models)} models of the split {config.split}")
    samples = _read_samples(store, encoder, column, models)
    compared, done = PoolPass(samples), 0
    for ids, rows in _pool_blocks(store, encoder, column, pool):
        compared.add(ids, rows)
        done += len(ids)
        yield Step(STAGE, done, len(pool), "images compared")
    kinds = [(one.model_id, one.kind) for one in models]
    scores = model_scores(kinds, samples, compared.scores, moments)
    row = {
        "config": settings,
        "table_versions": json.dumps(versions, sort_keys=True),
        "mapper_digest": of_mapper,
        "pool_size": len(pool),
        "pool_digest": ids_digest(pool),
        "model_ids": [one.model_id for one in scores],
        "scores": scores_to_json(scores),
    }
    key = {"abstention_id": key_id(encoder, mapper), "encoder": encoder, "mapper": mapper}
    store.upsert(TABLE, [key | row | {"created": utc_now()}], update=True)
    yield Step(STAGE, len(pool), len(pool), f"null scores of {describe_kinds(scores)}")


def describe_kinds(models: Sequence[ModelScores]) -> str:
    """How many models of each kind: '21 object and 11 style models'."""
    counts = Counter(one.kind for one in models)
    return " and ".join(f"{counts[kind]} {kind}".rstrip() for kind in sorted(counts)) + " models"


def _is_current(store: Store, encoder: str, mapper: str, settings: str) -> bool:
    """Whether this was done before on the same rows, with the mapper as it is now, and nothing is lost."""
    row = read_trained_row(store, TABLE, encoder, mapper)
    if row is None or not same_inputs(store, row, encoder, settings, exemplars=True):
        return False
    stored, moments = load_abstention(store, encoder, mapper), load_moments(store, encoder, mapper)
    of_mapper = mapper_digest(store, encoder, mapper)
    return (
        stored is not None
        and moments is not None
        and stored.mapper_digest == of_mapper == moments.mapper_digest
    )


def pool_ids(store: Store, encoder: str, gallery: str) -> pa.Array:
    """Ids of the gallery's images and of every exemplar, those that have a vector, in order of the table."""
    members = store.read("members", ["image_id"], f"collection = {quote(gallery)}")["image_id"]
    exemplars = pool_exemplars(store.read("models", ["exemplar_ids", "split"]))
    wanted = pa.concat_arrays([members.combine_chunks(), exemplars.cast(members.type)])
    items = store.read(vectors_table(encoder), ["item_id"])["item_id"].combine_chunks()
    return items.filter(pc.is_in(items, value_set=wanted))


def _read_samples(store: Store, encoder: str, column: str, models: Sequence[TrainModel]) -> OwnedSamples:
    ids = [sample for model in models for sample in model.sample_ids()]
    counts = [len(model.sample_ids()) for model in models]
    vectors = normalise(load_features(store, encoder, set(ids), column).of(ids).numpy())
    return OwnedSamples(
        vectors, np.repeat(np.arange(len(models)), counts), [model.exemplars for model in models]
    )


def _pool_blocks(
    store: Store, encoder: str, column: str, pool: pa.Array
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    """Ids and unit rows of the pool's images."""
    for batch in store.scan(vectors_table(encoder), ["item_id", column], batch_rows=BLOCK):
        mine = batch.filter(pc.is_in(batch["item_id"], value_set=pool))
        if mine.num_rows:
            yield mine["item_id"].to_pylist(), normalise(to_rows(mine[column]))
