"""List encoders: the registry, whose weights are on this machine, and what a store has exported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...runtime.composite import composite_parts
from ...store import Store, vectors_table
from . import aladin, packaged
from .registry import ENCODERS
from .spec import FP32, EncoderSpec
from .weights import cached_file, cached_url

HERE, TO_GET, YOURS = "here", "to get", "yours to bring"


@dataclass(frozen=True)
class EncoderListing:
    """One encoder: what it is, where its weights are, and in which precisions a store has it.

    weights: 'here', 'to get', or 'yours to bring'; None for encoders outside the registry. ready: precisions
    that the store has. vectors: items embedded, over all precisions. Without a store both are empty.
    """

    encoder: str
    dim: int | None
    size: int | None
    source: str
    license: str
    captions: bool
    files: tuple[str, ...]
    weights: str | None
    ready: tuple[str, ...] = ()
    vectors: int = 0


def list_encoders(store: Store | None = None) -> list[EncoderListing]:
    """The registry in its order, then the encoders of `store` that are not in it."""
    rows = store.read("encoders").to_pylist() if store else []
    by_base: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_base.setdefault(row["variant_of"] or row["encoder"], []).append(row)
    known = [_registered(spec, store, by_base.pop(spec.name, [])) for spec in ENCODERS]
    return known + [_stored(store, name, found, rows) for name, found in sorted(by_base.items()) if store]


def weights_state(spec: EncoderSpec) -> str:
    """'here' where nothing is to be downloaded, 'yours to bring' for unpublished weights, else 'to get'."""
    if spec.name == aladin.NAME:
        return YOURS
    return HERE if all(_cached(file) for file in spec.files) else TO_GET


def _cached(file: str) -> bool:
    if file.startswith("https://"):
        return cached_url(file).is_file()
    if file.startswith(packaged.PREFIX):
        return packaged.find(file) is not None
    owner, name, path = file.split("/", 2)
    return cached_file(f"{owner}/{name}", [path]) is not None


def _registered(spec: EncoderSpec, store: Store | None, rows: list[dict[str, Any]]) -> EncoderListing:
    return EncoderListing(
        encoder=spec.name,
        dim=spec.dim or next((row["dim"] for row in rows), None),
        size=spec.size,
        source=spec.source,
        license=spec.license,
        captions=spec.captions,
        files=spec.files,
        weights=weights_state(spec),
        ready=_ready(rows),
        vectors=_vectors(store, rows),
    )


def _stored(
    store: Store, name: str, rows: list[dict[str, Any]], all_rows: list[dict[str, Any]]
) -> EncoderListing:
    row = next((row for row in rows if row["encoder"] == name), rows[0])
    return EncoderListing(
        encoder=name,
        dim=row["dim"],
        size=row["size"],
        source=row["source"] or "",
        license=row["license"] or "",
        captions=any('"role": "beside"' in (one["files"] or "") for one in _with_parts(row, all_rows)),
        files=(),
        weights=None,
        ready=_ready([one for one in rows if all(part["onnx_file"] for part in _with_parts(one, all_rows))]),
        vectors=_vectors(store, rows),
    )


def _with_parts(row: dict[str, Any], all_rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a composite's parts; of another encoder its own."""
    names = [part.name for part in composite_parts(row)]
    return [one for one in all_rows if one["encoder"] in names] or [row]


def _ready(rows: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Precisions that can embed; an encoder of a release may have features but no model."""
    able = [row["precision"] or FP32 for row in rows if row["onnx_file"] or row.get("parts")]
    return tuple(sorted(able, key=_fp32_first))


def _fp32_first(precision: str) -> tuple[bool, str]:
    return precision != FP32, precision


def _vectors(store: Store | None, rows: Iterable[dict[str, Any]]) -> int:
    if store is None:
        return 0
    tables = set(store.tables())
    names = [vectors_table(row["encoder"]) for row in rows]
    return sum(store.count(name) for name in names if name in tables)
