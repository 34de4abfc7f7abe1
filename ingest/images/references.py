"""Images that are stored by their uri alone, and the pictures that take their place.

A reference gives way when a picture of its uri comes: first the picture is stored, with what the reference
had and the picture lacks; then it joins the reference's collections; then the reference's memberships go, and
its row last. A run that is killed in between does the rest when it is repeated, and no image is ever missing.
A reference that models, vectors or ranks name stays beside the picture: their ids would name nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from ...store import Store, content_id
from ...store.lookup import FEW, is_in
from ...store.retries import with_retries
from .merge import COLUMNS

SCAN_ROWS = 1 << 16
SEEDS = (0, 1)  # of the two hashes of a uri


class PictureUris:
    """The stored pictures by uri: two 64-bit hashes of each uri, read once, and those added since."""

    def __init__(self, store: Store) -> None:
        ids, hashes = [], []
        for batch in store.scan("images", ["image_id", "uri"], "width is not null", batch_rows=SCAN_ROWS):
            ids.append(batch["image_id"])
            hashes.append(_hashes(batch["uri"]))
        first, second = (
            np.concatenate([pair[n] for pair in hashes]) if hashes else np.zeros(0, np.uint64) for n in (0, 1)
        )
        order = np.argsort(first, kind="stable")
        self._first, self._second = first[order], second[order]
        self._ids = pa.chunked_array(ids, pa.string()).take(pa.array(order))
        self._added: dict[str, str] = {}

    def add(self, uri: str, image_id: str) -> None:
        """Note a picture that was stored since."""
        self._added.setdefault(uri, image_id)

    def find(self, uris: Sequence[str]) -> dict[str, str]:
        """The image_id of a stored picture of each of `uris` that has one."""
        found = {uri: self._added[uri] for uri in uris if uri in self._added}
        if len(self._first) and uris:
            first, second = _hashes(pa.array(uris, pa.string()))
            at = np.minimum(np.searchsorted(self._first, first), len(self._first) - 1)
            same = (self._first[at] == first) & (self._second[at] == second)
            for index in np.flatnonzero(same).tolist():
                found.setdefault(uris[index], self._ids[int(at[index])].as_py())
        return found


def stored_references(store: Store, uris: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The rows of those of `uris` that are stored without bytes, by uri."""
    ids = {content_id(uri.encode()): uri for uri in uris}
    there = sorted(store.held("images", list(ids))) if ids else []
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(there), FEW):
        where = f"{is_in('image_id', there[start : start + FEW])} AND bytes IS NULL"
        rows = store.read("images", ["image_id", "uri", *COLUMNS], where).to_pylist()
        found |= {ids[row["image_id"]]: row for row in rows}
    return found


def replace_references(store: Store, pictures: Mapping[str, str]) -> int:
    """Let references (image_id -> the image_id of the stored picture) give way. Returns how many stay."""
    named = named_images(store, list(pictures))
    giving_way = [reference for reference in pictures if reference not in named]
    for start in range(0, len(giving_way), FEW):
        where = is_in("image_id", giving_way[start : start + FEW])
        members = store.read("members", ["collection", "image_id"], where).to_pylist()
        store.upsert("members", [{**row, "image_id": pictures[row["image_id"]]} for row in members])
        for table in ("members", "images"):
            with_retries(f"deleting from {table}", partial(_delete, store, table, where))
    return len(pictures) - len(giving_way)


def named_images(store: Store, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that models, vectors or ranks name."""
    wanted = set(ids)
    exemplars = store.read("models", ["exemplar_ids"])["exemplar_ids"].to_pylist()
    named = {image for images in exemplars for image in images or () if image in wanted}
    for table in store.tables():
        if table.startswith("vectors_"):
            named |= store.held(table, ids)
    for start in range(0, len(ids), FEW):
        where = is_in("image_id", ids[start : start + FEW])
        named |= set(store.read("ranks", ["image_id"], where)["image_id"].to_pylist())
    return named


def _delete(store: Store, table: str, where: str) -> None:
    store.dataset(table).delete(where)


def _hashes(uris: pa.Array) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    column = pl.Series(pl.from_arrow(uris))
    first, second = (column.hash(seed).to_numpy() for seed in SEEDS)
    return first, second
