"""What is to be evaluated: one run is one encoder, mapper, case, split and scheme, at pinned versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from ...runtime.mapper import RAW
from ...store.errors import NotFoundError
from ...store.ids import key_id, run_number, vectors_table
from ..catalog import GALLERY, encoders, mappers
from ..features import Pinned
from .cases import Sample, read_cases

if TYPE_CHECKING:
    from ...store import Store


RANKING = (
    "../catalog.py",
    "../features.py",
    "cases.py",
    "counting.py",
    "counting_torch.py",
    "evaluate.py",
    "kernels.py",
    "pools.py",
    "ranks.py",
    "runs.py",
)


@cache
def code_version() -> str:
    """For example `0.1.0+ranks.3f1c09ab77e2`: the digest is of the files in RANKING."""
    digest = hashlib.sha256()
    for name in RANKING:
        digest.update(name.encode() + b"\0" + (Path(__file__).parent / name).read_bytes() + b"\0")
    try:
        number = version("attribase")
    except PackageNotFoundError:  # a source tree that was never installed
        number = "0"
    return f"{number}+ranks.{digest.hexdigest()[:12]}"


@dataclass(frozen=True)
class Run:
    """Samples to be ranked with one encoder and mapper, at the table versions that are read."""

    encoder: str
    mapper: str
    case_name: str
    split: str
    scheme: str
    samples: tuple[Sample, ...]
    versions: dict[str, int]
    run_id: str  # the same question of the same table versions has the same id

    def row(self, started: datetime, seconds: float, samples: int) -> dict[str, Any]:
        """Its row of `runs` once `samples` of its samples are ranked."""
        return {
            "run_id": self.run_id,
            "encoder": self.encoder,
            "mapper": self.mapper,
            "case_name": self.case_name,
            "split": self.split,
            "scheme": self.scheme,
            "gallery": GALLERY,
            "table_versions": json.dumps(self.versions, sort_keys=True),
            "code_version": code_version(),
            "started": started,
            "seconds": seconds,
            "run_number": run_number(self.run_id),
            "samples": samples,
        }

    def ranked(self, store: Store) -> set[str]:
        """The samples that are committed already."""
        mine = (pc.field("run_number") == run_number(self.run_id)) & (pc.field("run_id") == self.run_id)
        dataset = store.dataset("ranks")
        if "run_number" not in dataset.schema.names:  # a table from before runs were numbered
            return set()
        return set(dataset.scanner(columns=["sample_id"], filter=mine).to_table()["sample_id"].to_pylist())


def unfinished_runs(
    store: Store, pinned: Pinned, encoder: str | None, mapper: str | None, case: str | None
) -> Iterator[Run]:
    """Every run that is asked for and not complete, ordered by encoder and mapper.

    Raises NotFoundError where there is no such encoder, mapper or case, or no samples.
    """
    finished = set(pinned.rows("runs", ["run_id"])["run_id"].to_pylist())
    yield from (run for run in all_runs(store, pinned, encoder, mapper, case) if run.run_id not in finished)


def all_runs(
    store: Store, pinned: Pinned, encoder: str | None, mapper: str | None, case: str | None
) -> Iterator[Run]:
    """Every run that is asked for, as `unfinished_runs`."""
    pairs = _pairs(store, encoder, mapper)
    parts: dict[tuple[str, str, str], list[Sample]] = {}
    for found in read_cases(pinned, case):
        for sample in found.samples:
            parts.setdefault((found.name, found.split, sample.scheme), []).append(sample)
    for by in pairs:
        versions = _versions(pinned, *by)
        for place, samples in sorted(parts.items()):
            yield Run(*by, *place, tuple(samples), versions, key_id(*by, *place, versions))


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
