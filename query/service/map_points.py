"""The points of a map of the store (`attribase query map`) with what a page colours and finds them by.

Columns instead of rows, and texts that repeat as codes: a map has a hundred thousand points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...store.errors import NotFoundError
from ...store.lookup import quote
from ..session import Snapshot
from .field_values import fields_of
from .service import open_dataset

MAP_TABLES = ("maps", "map_points")
ABOUT = ["map_id", "encoder", "mapper", "created", "points", "images", "samples"]
LABEL = 80
"""Characters of a caption or prompt."""

DIGITS = 4
"""Of coordinates after the point: maps are some tens wide."""


@dataclass(frozen=True)
class MapChoice:
    """Which map: of an encoder and mapper; those that answer questions, or the newest, where left out."""

    encoder: str | None
    mapper: str | None
    limit: int


def read_map(snapshot: Snapshot, choice: MapChoice) -> dict[str, Any]:
    """`maps`, the newest of each encoder and mapper, and the `map` that is chosen, null where there is none.

    The chosen one has `shown`, how many points follow, and `columns`, each of that length: `item_id`, `kind`,
    `x`, `y`, `label`, and the fields of images. Where it has more points than `limit`, evenly chosen ones.

    Raises NotFoundError where there is no map of the encoder and mapper that were asked for.
    """
    maps = _newest_maps(snapshot)
    chosen = _choose(snapshot, maps, choice)
    if chosen is None:
        return {"maps": maps, "map": None}
    points = open_dataset(snapshot, "map_points").to_table(
        columns=["item_id", "kind", "x", "y"], filter=f"map_id = {quote(chosen['map_id'])}"
    )
    points = points.sort_by("item_id").combine_chunks()
    if len(points) > choice.limit:
        points = points.take(np.linspace(0, len(points) - 1, choice.limit).astype(np.int64))
    return {"maps": maps, "map": {**chosen, "shown": len(points), "columns": _columns(snapshot, points)}}


def _newest_maps(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The newest map of each encoder and mapper, the newest first."""
    if not set(MAP_TABLES) <= snapshot.pinned.versions.keys():
        return []  # of an earlier version, and cannot be written
    rows = snapshot.pinned.read("maps", ABOUT).to_pylist()
    rows.sort(key=lambda row: row["map_id"])
    rows.sort(key=lambda row: row["created"], reverse=True)
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        newest.setdefault((row["encoder"], row["mapper"]), {**row, "created": row["created"].isoformat()})
    return list(newest.values())


def _choose(snapshot: Snapshot, maps: list[dict[str, Any]], choice: MapChoice) -> dict[str, Any] | None:
    wanted = {"encoder": choice.encoder, "mapper": choice.mapper}
    wanted = {name: value for name, value in wanted.items() if value}
    fitting = [one for one in maps if all(one[name] == value for name, value in wanted.items())]
    if wanted and not fitting:
        known = ", ".join(f"{one['encoder']} {one['mapper']}" for one in maps)
        raise NotFoundError(
            f"there is no map of {' '.join(map(str, wanted.values()))}",
            hint=f"there are maps of {known}" if known else "make one: attribase -s STORE query map",
        )
    if not fitting:
        return None
    if not wanted:
        usual = snapshot.choose_features()
        for one in fitting:
            if (one["encoder"], one["mapper"]) == (usual.encoder, usual.mapper):
                return one
    return fitting[0]


def _columns(snapshot: Snapshot, points: pa.Table) -> dict[str, Any]:
    """Each point's id, kind, place, label and fields; the fields of samples are null."""
    ids = points["item_id"].combine_chunks()
    fields = [name for name in fields_of(snapshot) if name != "collection"]
    images = _aligned(snapshot, "images", "image_id", ["caption", "uri", *fields], ids)
    samples = _aligned(snapshot, "samples", "sample_id", ["prompt", "uri"], ids)
    drawn = pc.equal(points["kind"].combine_chunks(), "sample")
    label = pc.if_else(drawn, _text(samples, "prompt"), _text(images, "caption"))
    return {
        "item_id": ids.to_pylist(),
        "x": _rounded(points["x"]),
        "y": _rounded(points["y"]),
        "label": pc.utf8_slice_codeunits(label, 0, LABEL).to_pylist(),
        "kind": _coded(points["kind"].combine_chunks()),
        **{name: _coded(images[name].combine_chunks()) for name in fields},
    }


def _text(rows: pa.Table, name: str) -> pa.Array:
    """The caption or prompt; the uri where there is none."""
    return pc.coalesce(rows[name].combine_chunks(), rows["uri"].combine_chunks())


def _aligned(snapshot: Snapshot, table: str, key: str, columns: list[str], ids: pa.Array) -> pa.Table:
    """(ids,) `columns` of the rows with these keys, in their order; null where there is none."""
    found = snapshot.finder(table, key).rows(ids.to_pylist(), columns).combine_chunks()
    return found.take(pc.index_in(ids, value_set=found[key].combine_chunks())).select(columns)


def _rounded(values: pa.ChunkedArray) -> list[float]:
    rounded: list[float] = np.round(values.to_numpy().astype(np.float64), DIGITS).tolist()
    return rounded


def _coded(values: pa.Array) -> dict[str, list[Any]]:
    """Distinct `values`, and of each row its place among them in `codes`, -1 where it has none."""
    coded = pc.dictionary_encode(values)
    return {"values": coded.dictionary.to_pylist(), "codes": coded.indices.fill_null(-1).to_pylist()}
