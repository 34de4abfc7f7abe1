"""Runs: one encoder, mapper, case, split and scheme each, and which of them are still to be ranked."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from ...runtime.mapper import RAW
from ...store.errors import NotFoundError
from ...store.ids import key_id, run_number, vectors_table
from ..catalog import GALLERY, encoders, mappers
from ..features import Pinned
from .cases import Sample
from .inputs import Part, read_parts, unchanged_parts

if TYPE_CHECKING:
    from ...store import Store

Row = dict[str, Any]


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
    run_id: str  # of encoder, mapper, part and versions; of a finished run whose inputs are the same

    @property
    def part(self) -> Part:
        """Its case, split and scheme."""
        return self.case_name, self.split, self.scheme

    def row(self, started: datetime, seconds: float, samples: int) -> Row:
        """Its row of `runs` once `samples` of its samples are ranked."""
        return {
            "run_id": self.run_id,
            "encoder": self.encoder,
            "mapper": self.mapper,
            "case_name": self.case_name,
            "split": self.split,
            "scheme": self.scheme,
            "gallery": GALLERY,
            "table_versions": _versions_json(self.versions),
            "code_version": code_version(),
            "started": started,
            "seconds": seconds,
            "run_number": run_number(self.run_id),
            "samples": samples,
        }

    def ranked(self, store: Store) -> set[str]:
        """The samples whose ranks are committed already."""
        mine = (pc.field("run_number") == run_number(self.run_id)) & (pc.field("run_id") == self.run_id)
        found = store.dataset("ranks").scanner(columns=["sample_id"], filter=mine).to_table()
        return set(found["sample_id"].to_pylist())


def plan_runs(
    store: Store,
    pinned: Pinned,
    encoder: str | None = None,
    mapper: str | None = None,
    case: str | None = None,
    *,
    force: bool = False,
) -> list[Run]:
    """The requested runs that are not ranked yet, ordered by encoder and mapper; with `force`, all of them.

    A run is finished where its newest row in `runs` was ranked at the table versions of `pinned`, or at
    older ones with the same inputs. Such a row is moved on to the versions of `pinned`, so that the next
    call need not compare, and compaction may drop the older ones.

    Raises NotFoundError where there is no such encoder, mapper or case, or no samples.
    """
    parts = read_parts(pinned, case)
    finished = newest_rows(pinned)
    wanted: list[Run] = []
    moved: list[Row] = []
    for name, by in pairs_of_names(pinned, encoder, mapper):
        rows = {part: finished[name, by, part] for part in parts if (name, by, part) in finished}
        versions = _versions(pinned, name, by)
        current = _current_parts(pinned, name, by, parts, rows)
        for part, samples in sorted(parts.items()):
            run = Run(name, by, *part, samples, versions, key_id(name, by, *part, versions))
            if part not in current:
                wanted.append(run)
            elif force:
                wanted.append(replace(run, run_id=rows[part]["run_id"]))
            elif rows[part]["table_versions"] != _versions_json(versions):
                moved.append(rows[part] | {"table_versions": _versions_json(versions)})
    store.upsert("runs", moved, update=True)
    return wanted


def _current_parts(
    pinned: Pinned, encoder: str, mapper: str, parts: Mapping[Part, tuple[Sample, ...]], rows: dict[Part, Row]
) -> set[Part]:
    """The parts whose finished run, in `rows`, has the inputs of `pinned`."""
    now = _versions_json(_versions(pinned, encoder, mapper))
    by_versions: dict[str, set[Part]] = {}
    for part, row in rows.items():
        by_versions.setdefault(row["table_versions"] or "{}", set()).add(part)
    current = by_versions.pop(now, set())
    for text, some in by_versions.items():
        before = Pinned(pinned.store, json.loads(text))
        if before.versions.keys() >= {"members", "models", "samples", vectors_table(encoder)}:
            current |= unchanged_parts(before, pinned, encoder, mapper, {part: parts[part] for part in some})
    return current


def newest_rows(pinned: Pinned) -> dict[tuple[str, str, Part], Row]:
    """Of each encoder, mapper and part the row that the views read: the one started last."""
    rows = pinned.read("runs", pinned.dataset("runs").schema.names).to_pylist()
    rows.sort(key=lambda row: row["run_id"], reverse=True)
    rows.sort(key=lambda row: row["started"] or datetime.min)
    return {
        (row["encoder"], row["mapper"], (row["case_name"], row["split"], row["scheme"])): row for row in rows
    }


def pairs_of_names(pinned: Pinned, encoder: str | None, mapper: str | None) -> list[tuple[str, str]]:
    """Every requested (encoder, mapper). Raises NotFoundError when there is none."""
    known = [(name, by) for name in encoders(pinned) for by in (RAW, *sorted(mappers(pinned, name)))]
    pairs = [pair for pair in known if encoder in (None, pair[0]) and mapper in (None, pair[1])]
    if not pairs:
        raise NotFoundError(
            f"the store has no vectors of encoder {encoder or 'any'!r} with mapper {mapper or 'any'!r}",
            hint="it has " + ", ".join(f"{name} with {by}" for name, by in known),
        )
    return pairs


def _versions(pinned: Pinned, encoder: str, mapper: str) -> dict[str, int]:
    """Versions of the tables that a run reads; not of those it writes, which change while it runs."""
    tables = ["members", "models", "samples", vectors_table(encoder)]
    return {table: pinned.versions[table] for table in tables + (["mappers"] if mapper != RAW else [])}


def _versions_json(versions: dict[str, int]) -> str:
    return json.dumps(versions, sort_keys=True)


RANKING = {
    "test cases": "evaluation.cases",
    "inputs of runs": "evaluation.inputs",
    "runs": "evaluation.runs",
    "evaluation": "evaluation.evaluate",
    "shards": "evaluation.shards",
    "pools": "evaluation.pools",
    "ranks": "evaluation.ranks",
    "counting on the CPU": "evaluation.counting",
    "counting with torch": "evaluation.counting_torch",
    "kernels": "evaluation.kernels",
    "gallery": "catalog",
    "stored vectors": "features",
}
"""The code that decides ranks: its role, which is hashed, and its module in `query`, which is not."""


@cache
def code_version() -> str:
    """For example `0.1.0+ranks.3f1c09ab77e2`: the digest is of the code in RANKING."""
    package = __package__.rpartition(".")[0]
    try:
        number = version("attribase")
    except PackageNotFoundError:  # a source tree that was never installed
        number = "0"
    sources = {role: _source(f"{package}.{module}") for role, module in RANKING.items()}
    return f"{number}+ranks.{code_digest(sources)[:12]}"


def code_digest(sources: Mapping[str, str]) -> str:
    """The sha256 of Python sources by role, as hexadecimal digits.

    Only code counts: imports, docstrings, comments and blank lines are left out, and roles are not file
    names, so neither moving a file nor rewording its prose makes another version.
    """
    digest = hashlib.sha256()
    for role in sorted(sources):
        digest.update(role.encode() + b"\0" + "\n".join(_code_lines(sources[role])).encode() + b"\0")
    return digest.hexdigest()


def _code_lines(source: str) -> Iterator[str]:
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        prose = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and (prose or isinstance(node, ast.Import | ast.ImportFrom)):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    for number, line in enumerate(source.splitlines(), start=1):
        if number not in left_out and line.strip() and not line.lstrip().startswith("#"):
            yield line.rstrip()


def _source(module: str) -> str:
    spec = find_spec(module)
    source = spec.loader.get_source(module) if spec and spec.loader else None  # type: ignore[attr-defined]
    return source or ""
