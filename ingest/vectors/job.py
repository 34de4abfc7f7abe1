"""The job that stores the features of a file as those of an encoder that has no model here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from ...runtime.composite import composite_parts
from ...store import Step, Store, vectors_table
from ...store.errors import ConflictError, InvalidInputError, NotFoundError
from ...store.lookup import quote
from ...store.schema import ITEM_TABLES
from ...store.tombstones import delete_rows
from ..embed.commit import vector_rows
from ..embed.compose import VectorRows
from ..encoders import get_encoder
from .file import VectorFile
from .items import MatchedIds, match_ids

STAGE = "vectors"
SHOWN = 3
DEPENDENT = ("gallery_moments", "evidence")
"""Tables of what was measured on an encoder's vectors: gone when vectors change, so that none is used."""


@dataclass(frozen=True)
class VectorSummary:
    """What one file brought.

    added, replaced, equal, differing: rows by what became of them; differing ones were left as they are.
    unknown, ambiguous: ids that mean nothing here, or several items. missing: stored items without a vector
    of this encoder, by kind.
    """

    encoder: str
    dim: int
    counts: Counter[str]
    unknown: list[str]
    ambiguous: list[str]
    missing: dict[str, int]

    def lines(self) -> list[str]:
        """For people; what is wrong with a remedy."""
        done = ", ".join(f"{self.counts[name]:,} {name}" for name in ("added", "replaced", "equal"))
        found = [f"{self.encoder}: vectors of {self.dim} numbers: {done}"]
        if self.counts["differing"]:
            found.append(f"{self.counts['differing']:,} differ from what is stored: --update replaces them")
        if self.unknown:
            found.append(f"{len(self.unknown):,} ids are of nothing stored: {_some(self.unknown)}")
        if self.ambiguous:
            named = _some(self.ambiguous)
            found.append(f"{len(self.ambiguous):,} are names of several items, give their ids: {named}")
        if any(self.missing.values()):
            lacking = " and ".join(f"{count:,} {kind}s" for kind, count in self.missing.items() if count)
            found.append(f"{lacking} of the store have no vector: they are in no pool of {self.encoder}")
        return found


def ingest_vectors(
    store: Store, file: VectorFile, encoder: str, *, update: bool = False
) -> Generator[Step, None, VectorSummary]:
    """Store the features of `file` as raw features of `encoder`, mapped by its mappers where there are any.

    The whole file is checked before anything is written. Rows that are stored as they are in the file are
    left alone, so the same file again changes nothing and a killed run goes on.

    Args:
        store: has the images and samples.
        file: see `open_vectors`; its ids are image_ids, sample_ids, uris or ends of their paths.
        encoder: the name of the features, new or of an earlier file.
        update: replace stored features that differ. Trainings and ranks of them are then done anew when they
            are asked for again.

    Raises:
        InvalidInputError: not one known id, two of one item, vectors that are not finite or of another length
            than those of `encoder`. ConflictError: `encoder` is one that runs here, or changed features are
            part of a composite's.
    """
    _check_encoder(store, file, encoder)
    matched = match_ids(store, file.ids)
    if not len(matched.items):
        raise InvalidInputError(
            f"none of the {len(file.ids)} ids of {file.path.name} is of a stored item: {_some(file.ids)}",
            hint="ids are image_id, sample_id, uri or the end of a uri's path; ingest the pictures first",
        )
    for _ in file.batches():
        pass
    store.upsert("encoders", [_encoder_row(store, file, encoder)], update=True)
    writer = _Writer(store, encoder, store.ensure_vectors(encoder, file.dim), update)
    start = 0
    yield Step(STAGE, 0, len(file.ids))
    for rows in file.batches():
        own = matched.items.filter(pl.col("row").is_between(start, start + len(rows), closed="left"))
        writer.write(own, rows[own["row"].to_numpy() - start])
        start += len(rows)
        yield Step(STAGE, start, len(file.ids))
    return _summary(store, file, encoder, writer.counts, matched)


class _Writer:
    """Writes what is new, and what is other than stored where that is wanted."""

    def __init__(self, store: Store, encoder: str, table: str, update: bool) -> None:
        self._store, self._encoder, self._table, self._update = store, encoder, table, update
        self._stored = VectorRows(store, table)
        self.counts: Counter[str] = Counter()

    def write(self, items: pl.DataFrame, rows: NDArray[np.float32]) -> None:
        """`rows` (items, dim) are the features of `items`."""
        ids = pa.array(items["item_id"].to_list(), pa.string())
        known = self._stored.has(ids)
        differs = np.zeros(len(rows), bool)
        if known.any():
            differs[known] = (self._stored.take(ids.filter(pa.array(known))) != rows[known]).any(axis=1)
        self.counts["equal"] += int((known & ~differs).sum())
        self._upsert(items, rows, ~known, replace=False)
        if not self._update:
            self.counts["differing"] += int(differs.sum())
        elif differs.any():
            self._forget_measures()
            self._upsert(items, rows, differs, replace=True)

    def _upsert(
        self, items: pl.DataFrame, rows: NDArray[np.float32], chosen: NDArray[np.bool_], *, replace: bool
    ) -> None:
        kinds = items["kind"].to_numpy()
        for kind in ITEM_TABLES:
            own = chosen & (kinds == kind)
            if own.any():
                ids = items["item_id"].filter(pl.Series(own)).to_list()
                made = vector_rows(self._store, self._encoder, kind, ids, rows[own])
                self._store.upsert(self._table, made, update=replace)
        self.counts["replaced" if replace else "added"] += int(chosen.sum())

    def _forget_measures(self) -> None:
        """Delete what was measured on the old vectors, before they change: a kill leaves nothing wrong."""
        _check_composites(self._store, self._encoder)
        for table in DEPENDENT:
            if self._store.count(table, f"encoder = {quote(self._encoder)}"):
                delete_rows(self._store, table, "encoder", [self._encoder])


def _check_encoder(store: Store, file: VectorFile, encoder: str) -> None:
    vectors_table(encoder)  # raises for a name that no table can have
    every = {row["encoder"]: row for row in store.read("encoders").to_pylist()}
    stored = every.get(encoder)
    if stored and (stored["onnx_file"] or stored["parts"]):
        raise ConflictError(
            f"{encoder!r} makes its features itself", hint="give features from elsewhere a name of their own"
        )
    if not stored and (any(sign in encoder for sign in "+@:") or _is_registered(encoder)):
        raise ConflictError(
            f"{encoder!r} is the name of an encoder that runs here",
            hint="give features from elsewhere a name of their own, of letters, digits and '-'",
        )
    if stored and stored["dim"] != file.dim:
        raise InvalidInputError(
            f"{encoder!r} has vectors of {stored['dim']} numbers, those of {file.path.name} have {file.dim}",
            hint="give other features another --encoder",
        )


def _check_composites(store: Store, encoder: str) -> None:
    """Raise ConflictError where vectors of `encoder` are in those of a composite, which would stay."""
    for row in store.read("encoders").to_pylist():
        if encoder in [part.name for part in composite_parts(row)]:
            raise ConflictError(
                f"{encoder!r} is a part of {row['encoder']!r}, whose vectors would stay as they are",
                hint="bring the new features as another --encoder",
            )


def _is_registered(name: str) -> bool:
    try:
        get_encoder(name)
    except NotFoundError:
        return False
    return True


def _encoder_row(store: Store, file: VectorFile, encoder: str) -> dict[str, Any]:
    """Its row: no model, and as its source every file that features came from."""
    rows = store.read("encoders", ["encoder", "source"]).to_pylist()
    sources = [row["source"] for row in rows if row["encoder"] == encoder and row["source"]]
    own = f"{file.path.name} (sha256 {file.sha256})"
    known = sources[0].split("; ") if sources else []
    return {
        "encoder": encoder,
        "dim": file.dim,
        "source": "; ".join(known if own in known else [*known, own]),
    }


def _summary(
    store: Store, file: VectorFile, encoder: str, counts: Counter[str], matched: MatchedIds
) -> VectorSummary:
    table = vectors_table(encoder)
    missing = {
        kind: store.count(items.table) - store.count(table, f"item_kind = '{kind}'")
        for kind, items in ITEM_TABLES.items()
    }
    return VectorSummary(encoder, file.dim, counts, matched.unknown, matched.ambiguous, missing)


def _some(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more
