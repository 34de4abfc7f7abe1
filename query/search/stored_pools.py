"""The rows of the pools of an encoder, kept in a file of the store, so that a first question reads no ids.

`attribase index` writes it. It says which fragments of the tables it was made from: where these have changed,
it is not used. Fragments that were added to the vectors since hold samples alone, or it is not used either:
new images may be in a pool.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...runtime.moments import ids_digest
from ...store import index_search
from ...store.errors import ConflictError
from ...store.ids import vectors_table
from ..features import FeatureReader, Pinned
from .pool import Pool, SpacePools
from .pool_members import POOLS
from .space_rows import SpaceRows

FORMAT = 1
READ_FROM = {"members": ("image_id", "collection"), "models": ("exemplar_ids", "split")}
"""What pools are made from, beside the ids and kinds of items."""

ITEMS = ("item_id", "item_kind")


@dataclass(frozen=True)
class StoredPools:
    """Which items of an encoder are images, (items,), and its pools by name."""

    is_image: NDArray[np.bool_]
    pools: Mapping[str, Pool]


def parts_of_file(encoder: str) -> tuple[str, str]:
    """Where the file is among the side files of a store."""
    return "pools", f"{vectors_table(encoder)}.arrow"


def write_stored_pools(pinned: Pinned, features: FeatureReader, rows: SpaceRows, made: SpacePools) -> None:
    """Write the file of an encoder, whose pools `made` makes. A pool without images is left out."""
    columns: dict[str, pa.Array] = {"is_image": pa.array(rows.is_image)}
    pools: dict[str, dict[str, Any]] = {}
    judged = pinned.read("abstentions", ["encoder"])["encoder"].to_pylist()
    for name in POOLS:
        try:
            pool = made.read(name)
        except ConflictError:
            continue
        columns[name] = pa.array(_spread(pool.mask, rows.positions, len(rows.is_image)))
        pools[name] = {"size": pool.size, "missing": pool.missing, "digest": None}
        if name == "all" and features.encoder in judged:  # answers compare it with that of the trained pool
            pools[name]["digest"] = ids_digest(rows.ids.filter(pool.mask))
    table = pa.table(columns)
    addresses = index_search.row_addresses(features.dataset)
    listed = {}
    for name, about in pools.items():
        allowed = index_search.allowed_rows(addresses, table[name].to_numpy())
        about["others"], listed[f"listed {name}"] = allowed.others, allowed.listed
    header = {"format": FORMAT, "pools": pools, "sources": _sources(pinned, features.dataset)}
    sink = pa.BufferOutputStream()
    table = table.replace_schema_metadata({"about": json.dumps(header), **listed})
    with pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    data = sink.getvalue().to_pybytes()
    pinned.store.write_file(parts_of_file(features.encoder), sha256(data).digest() + data)


def read_stored_pools(pinned: Pinned, features: FeatureReader) -> StoredPools | None:
    """The pools of an encoder at these versions; None where no file has them."""
    try:
        file = pinned.store.read_file(parts_of_file(features.encoder))
    except FileNotFoundError:
        return None
    digest, data = file[:32], memoryview(file)[32:]
    if sha256(data).digest() != digest:
        return None
    table = pa.ipc.open_stream(pa.py_buffer(data)).read_all()
    about = json.loads(table.schema.metadata[b"about"])
    if about["format"] != FORMAT:
        return None
    found, known = _sources(pinned, features.dataset), about["sources"]
    items, before = found.pop("items"), known.pop("items")
    if found != known or items[: len(before)] != before:
        return None
    kinds = _kinds(features, len(before))
    if pc.any(pc.equal(kinds, "image")).as_py():
        return None
    is_image = np.append(table["is_image"].to_numpy(), np.zeros(len(kinds), bool))
    images = np.flatnonzero(is_image)
    pools = {name: _pool(table, name, images, of_pool) for name, of_pool in about["pools"].items()}
    if len(kinds):  # a list of the rows that may not be returned lacks the later ones
        pools = {name: replace(pool, allowed=None) for name, pool in pools.items()}
    return StoredPools(is_image, pools)


def _pool(table: pa.Table, name: str, images: NDArray[np.int64], about: Mapping[str, Any]) -> Pool:
    mask = table[name].to_numpy()[images]
    mask.flags.writeable = False
    allowed = index_search.AllowedRows(table.schema.metadata[f"listed {name}".encode()], about["others"])
    return Pool(mask, about["size"], about["missing"], name, None, about["digest"], allowed)


def _spread(mask: NDArray[np.bool_], positions: NDArray[np.int64], items: int) -> NDArray[np.bool_]:
    """A mask over the rows of a space as one over the items of its table."""
    spread = np.zeros(items, bool)
    spread[positions] = mask
    return spread


def _kinds(features: FeatureReader, first: int) -> pa.ChunkedArray:
    """The kinds of the items in the fragments from the one at place `first` on."""
    fragments = features.dataset.get_fragments()[first:]
    if not fragments:
        return pa.chunked_array([pa.array([], pa.string())])
    return features.dataset.scanner(columns=["item_kind"], fragments=fragments).to_table()["item_kind"]


def _sources(pinned: Pinned, vectors: Any) -> dict[str, Any]:
    """The fragments that ids, kinds and pools are read from, by table; those of vectors as `items`."""
    found = {table: fragments_of(pinned.dataset(table), columns) for table, columns in READ_FROM.items()}
    return found | {"items": fragments_of(vectors, ITEMS)}


def fragments_of(dataset: Any, columns: tuple[str, ...]) -> list[Any]:
    """What decides the rows of these columns, by fragment: number, rows, deleted and changed ones, files."""
    fields = {dataset.lance_schema.field(name).id() for name in columns}
    found = []
    for fragment in dataset.get_fragments():
        about = fragment.metadata
        files = [file.path for file in about.files if not fields.isdisjoint(file.fields)]
        changed = [str(about.deletion_file), str(about.overlays)]
        found.append([about.id, about.physical_rows, *changed, files])
    return found
