"""The encoders, mappers, calibrations and gallery of a store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ..runtime.influence import PaperLaw
from ..runtime.mapper import RAW
from ..runtime.spread import SpreadCalibration
from ..store.errors import ConflictError, NotFoundError
from ..store.ids import vectors_table
from .features import Pinned

GALLERY = "gallery"
"""The collection of the images that the base model was trained on."""


Calibration: TypeAlias = PaperLaw | SpreadCalibration
"""What turns similarities into influence for one encoder and mapper."""


class TableReader(Protocol):
    """A store as it is now, or pinned at one version (`Pinned`)."""

    def tables(self) -> list[str]:
        """The names of all tables."""
        ...

    def read(self, table: str, columns: Sequence[str]) -> pa.Table:
        """The named columns of all rows."""
        ...


def encoders(store: TableReader) -> list[str]:
    """Encoders with vectors, by name. Raises NotFoundError when there is none."""
    tables = set(store.tables())
    names = store.read("encoders", ["encoder"])["encoder"].to_pylist()
    found = sorted(name for name in names if vectors_table(name) in tables)
    if not found:
        raise NotFoundError(
            "the store has no vectors to compare", hint="embed its images: attribase -s STORE ingest embed"
        )
    return found


def require_known(what: str, wanted: Iterable[str], known: Collection[str], where: str = "") -> None:
    """Raise NotFoundError, which lists the `known` names, where one of `wanted` is not among them.

    `what` says what is named, "encoder"; `where` is added to it: " in this study".
    """
    if unknown := [name for name in wanted if name not in known]:
        raise NotFoundError(
            f"there is no {what} {unknown[0]!r}{where}", hint=f"there is {', '.join(known) or 'none'}"
        )


def mappers(store: TableReader, encoder: str) -> list[str]:
    """Trained mappers of `encoder`, newest first; raw features are not among them."""
    return [row["mapper"] for row in trained_mappers(store) if row["encoder"] == encoder]


def trained_mappers(store: TableReader) -> list[dict[str, Any]]:
    """`encoder` and `mapper` of every trained mapper, newest first, then by name."""
    rows: list[dict[str, Any]] = store.read("mappers", ["encoder", "mapper", "created"]).to_pylist()
    rows.sort(key=lambda row: (row["mapper"], row["encoder"]))
    rows.sort(key=lambda row: (row["created"] is not None, row["created"]), reverse=True)
    return rows


def choose_encoder(store: TableReader, name: str | None) -> str:
    """`name` if the store has vectors of it; left out, see `default_encoder`. Raises NotFoundError."""
    known = encoders(store)
    if name is not None and name not in known:
        raise NotFoundError(
            f"the store has no vectors of the encoder {name!r}", hint=f"it has {', '.join(known)}"
        )
    return name or default_encoder(store, known)


def default_encoder(store: TableReader, known: Sequence[str]) -> str:
    """The one of `known` encoders that has the newest mapper; the first of them where none has any.

    A store also has encoders to compare with, as thumbnails, which nobody trained for answers.
    """
    trained = (row["encoder"] for row in trained_mappers(store))
    return next((encoder for encoder in trained if encoder in known), known[0])


def choose_mapper(store: TableReader, encoder: str, name: str | None) -> str:
    """`name` if it is 'none' or trained on `encoder`, the newest mapper when left out; else NotFoundError."""
    known = mappers(store, encoder)
    if name is not None and name not in (RAW, *known):
        raise NotFoundError(
            f"there is no mapper {name!r} for the encoder {encoder!r}",
            hint=f"there is {', '.join((RAW, *known))}",
        )
    return name or (known[0] if known else RAW)


def read_calibration(pinned: Pinned, encoder: str, mapper: str) -> Calibration | None:
    """The stored calibration, or None where none was trained. DataError for broken parameters."""
    wanted = ["encoder", "mapper", "tau", "lambda", "law", "parameters", "mapper_digest"]
    there = pinned.dataset("calibrations").schema.names  # an earlier version made eq. 6 alone
    for row in pinned.read("calibrations", [name for name in wanted if name in there]).to_pylist():
        if (row["encoder"], row["mapper"]) == (encoder, mapper):
            if row.get("parameters"):
                return SpreadCalibration.from_json(row["parameters"], row["mapper_digest"] or "")
            return PaperLaw(row["tau"], row["lambda"])
    return None


def gallery_ids(pinned: Pinned) -> pa.Array:
    """Image ids of the gallery. Raises ConflictError when it is empty."""
    ids = _gallery_scanner(pinned).to_table()["image_id"].combine_chunks()
    if not len(ids):
        raise empty_gallery()
    return ids


def gallery_batches(pinned: Pinned, block: int) -> pa.RecordBatchReader:
    """The same, up to `block` at a time; none where it is empty."""
    options = {"batch_size": block, "batch_readahead": 2, "fragment_readahead": 1}
    return _gallery_scanner(pinned, **options).to_reader()


def empty_gallery() -> ConflictError:
    """The error where the gallery has no image."""
    return ConflictError(
        "the gallery is empty", hint=f"attribase -s STORE ingest images FOLDER --collection {GALLERY}"
    )


def _gallery_scanner(pinned: Pinned, **options: int) -> Any:
    condition = pc.field("collection") == GALLERY
    return pinned.dataset("members").scanner(columns=["image_id"], filter=condition, **options)
