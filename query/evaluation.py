"""Evaluation: ranks of every exemplar of every sample, from which all retrieval metrics follow in SQL."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..store.errors import NotFoundError
from ..store.ids import key_id
from ..store.progress import Step
from ..store.schema import RANKS, vectors_table
from .cases import GALLERY, Case, gallery_ids, read_cases
from .code_version import code_version
from .features import RAW, Candidates, Features, Pinned
from .ranking import exemplar_ranks
from .registry import encoders, mappers
from .shards import Shard, load_shard

if TYPE_CHECKING:
    from ..store import Store


@dataclass(frozen=True)
class Run:
    """One case and split to be ranked with one encoder and mapper, at the table versions it reads."""

    encoder: str
    mapper: str
    case: Case
    versions: dict[str, int]

    @property
    def run_id(self) -> str:
        """The same question of the same table versions has the same id."""
        return key_id(self.encoder, self.mapper, self.case.name, self.case.split, self.versions)


def evaluate(
    store: Store,
    encoder: str | None = None,
    mapper: str | None = None,
    case: str | None = None,
    *,
    force: bool = False,
    block: int = 8192,
    shard_size: int = 2048,
) -> Iterator[Step]:
    """Rank every exemplar of every sample in its pool: the gallery and its own model's exemplars.

    Takes all encoders, mappers (`none` included) and cases unless one is named, and all splits but train.
    Each shard of samples is committed to `ranks` at once, and a run's row to `runs` when it is complete:
    stopped, the same call goes on where it was; done, it yields nothing while the tables read are unchanged.

    Args:
        store: the store.
        encoder: only this one.
        mapper: only this one, or `none` for raw features.
        case: only this one.
        force: compute again even where nothing changed.
        block: gallery images compared at once.
        shard_size: samples committed at once.

    Raises:
        NotFoundError: no such encoder, mapper or case, or no samples.
        ConflictError: no gallery, an exemplar without a vector, or vectors that a mapper has not mapped.

    Source: arXiv:2306.09345 section 5.
    """
    pinned = Pinned.now(store)
    pairs = _pairs(store, encoder, mapper)
    finished = set() if force else set(pinned.rows("runs", ["run_id"])["run_id"].to_pylist())
    runs = [
        run
        for name, by in pairs
        for run in (Run(name, by, found, _versions(pinned, name, by)) for found in read_cases(pinned, case))
        if run.run_id not in finished
    ]
    total, done = sum(len(run.case.samples) for run in runs), 0
    for name, by in dict.fromkeys((run.encoder, run.mapper) for run in runs):
        features = Features(pinned, name, by)
        gallery = Candidates(features, gallery_ids(pinned), block)
        for run in (run for run in runs if (run.encoder, run.mapper) == (name, by)):
            note = _note(run, features, gallery)
            for count in _rank(store, run, features, gallery, force, shard_size):
                done += count
                yield Step("evaluate", done, total, note)


def _pairs(store: Store, encoder: str | None, mapper: str | None) -> list[tuple[str, str]]:
    """Every (encoder, mapper) asked for. Raises NotFoundError when there is none."""
    known = encoders(store)
    every = [(name, by) for name in known for by in (RAW, *sorted(mappers(store, name)))]
    pairs = [pair for pair in every if encoder in (None, pair[0]) and mapper in (None, pair[1])]
    if not pairs:
        raise NotFoundError(
            f"the store has no vectors of encoder {encoder or 'any'!r} with mapper {mapper or 'any'!r}",
            hint="it has " + ", ".join(f"{name} with {by}" for name, by in every),
        )
    return pairs


def _versions(pinned: Pinned, encoder: str, mapper: str) -> dict[str, int]:
    """Versions of the tables that a run reads; not of those it writes, which change while it runs."""
    tables = ["members", "models", "samples", vectors_table(encoder)]
    return {table: pinned.versions[table] for table in tables + (["mappers"] if mapper != RAW else [])}


def _rank(
    store: Store, run: Run, features: Features, gallery: Candidates, force: bool, shard_size: int
) -> Iterator[int]:
    """Commit the missing shards of a run, then its row; yields how many samples each shard had.

    Shards are fixed by their size, not by what is missing, so a resumed run computes what an
    uninterrupted one does.
    """
    started, clock = datetime.now(UTC).replace(tzinfo=None), time.monotonic()
    ranked = set() if force else _ranked(store, run.run_id)
    for start in range(0, len(run.case.samples), shard_size):
        indices = range(start, min(start + shard_size, len(run.case.samples)))
        if not ranked.issuperset(run.case.samples[index] for index in indices):
            shard = load_shard(run.case, indices, features, gallery)
            store.upsert("ranks", _rank_rows(run.run_id, shard, gallery), update=force)
        yield len(indices)
    row = {
        "run_id": run.run_id,
        "encoder": run.encoder,
        "mapper": run.mapper,
        "case_name": run.case.name,
        "split": run.case.split,
        "gallery": GALLERY,
        "table_versions": json.dumps(run.versions, sort_keys=True),
        "code_version": code_version(),
        "started": started,
        "seconds": time.monotonic() - clock,
    }
    store.upsert("runs", [row], update=True)


def _ranked(store: Store, run_id: str) -> set[str]:
    """Samples of an unfinished run that are committed already."""
    rows = store.dataset("ranks").scanner(columns=["sample_id"], filter=pc.field("run_id") == run_id)
    return set(rows.to_table()["sample_id"].to_pylist())


def _rank_rows(run_id: str, shard: Shard, gallery: Candidates) -> pa.Table:
    """The rows of `ranks` of a shard, ordered by sample and image."""
    ranks = exemplar_ranks(shard.queries, shard.similarities, gallery.blocks(), shard.own)
    sample, place = np.nonzero(ranks)
    pool_sizes = shard.pool_sizes(len(gallery))
    columns = [
        pa.array([run_id] * len(sample), pa.string()),
        pa.array([shard.samples[row] for row in sample], pa.string()),
        pa.array([shard.exemplars[row][at] for row, at in zip(sample, place, strict=True)], pa.string()),
        pa.array(ranks[sample, place]),
        pa.array(shard.similarities[sample, place]),
        pa.array(pool_sizes[sample]),
    ]
    return pa.Table.from_arrays(columns, names=RANKS.names)


def _note(run: Run, features: Features, gallery: Candidates) -> str:
    """What is being ranked, and how much had to be left out."""
    note = f"{run.encoder}/{run.mapper} {run.case.name} {run.case.split}"
    lost = {"samples": features.positions(run.case.samples).null_count, "gallery images": gallery.missing}
    return note + "".join(f"; {count} {what} have no vector" for what, count in lost.items() if count)
