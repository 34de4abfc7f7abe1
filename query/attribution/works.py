"""Works: images that are copies of each other, by the newest run of `attribase cluster`, share a place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.errors import ConflictError
from ...store.ids import vectors_table

if TYPE_CHECKING:
    from ..search import SearchSpace
    from ..search.topk import Floats, Positions
    from ..session import Snapshot

RUNS, MEMBERS = "cluster_runs", "cluster_members"


@dataclass(frozen=True)
class FoldedWorks:
    """`works`: (rows of a space,) a row that stands for the work of each; `notes`: what answers say of it."""

    works: NDArray[np.int64]
    notes: tuple[str, ...]


def read_works(snapshot: Snapshot, space: SearchSpace) -> FoldedWorks:
    """The works that the images of `space` are copies of, cached by table version.

    Raises ConflictError where no clusters were made.
    """
    encoder, mapper = space.encoder, space.mapper
    key = "works", encoder, mapper
    folded = snapshot.cached(key, lambda: _read(snapshot, space), vectors_table(encoder), RUNS, MEMBERS)
    snapshot.register_warmup(key, lambda new: read_works(new, new.space(encoder, mapper)))
    return folded


def _read(snapshot: Snapshot, space: SearchSpace) -> FoldedWorks:
    pinned, wanted = snapshot.pinned, ["run_id", "method", "encoder", "started", "images"]
    rows = pinned.read(RUNS, wanted).to_pylist() if RUNS in pinned.versions else []
    if not rows:
        raise ConflictError(
            "the copies in this store are not known", hint="find them: attribase -s STORE cluster"
        )
    run = min(rows, key=lambda row: (-row["started"].timestamp(), row["run_id"]))
    of_run = pc.field("run_id") == run["run_id"]
    table = pinned.dataset(MEMBERS).scanner(columns=["image_id", "cluster_id"], filter=of_run).to_table()
    works = np.arange(len(space.ids), dtype=np.int64)
    image, cluster = (table[name].combine_chunks() for name in ("image_id", "cluster_id"))
    place = pc.index_in(image, value_set=space.ids)
    known = np.asarray(place.is_valid())
    at = place.drop_null().to_numpy().astype(np.int64)
    numbers = pc.dictionary_encode(cluster).indices.to_numpy()[known]
    stands = np.full(int(numbers.max(initial=-1)) + 1, len(works), np.int64)
    np.minimum.at(stands, numbers, at)
    works[at] = stands[numbers]
    pa.default_memory_pool().release_unused()  # the hash table of a million ids
    return FoldedWorks(works, tuple(_notes(run, len(works))))


def _notes(run: dict[str, Any], images: int) -> list[str]:
    by = "perceptual hashes" if run["method"] == "phash" else run["encoder"]
    note = (
        f"copies share a place, as found on {run['started']:%Y-%m-%d} by {by} among {run['images']:,} images"
    )
    if run["images"] < images:
        note += f"; {images - run['images']:,} images are not among these: attribase -s STORE cluster"
    return [note]


def group_works(
    works: NDArray[np.int64], best: Callable[[int], Positions], k: int, similarities: Floats
) -> tuple[Positions, list[Positions]]:
    """The images of the first `k` works, as `retrieval.rank_images` takes groups.

    Args:
        works: (n,) the number of the work of each image that was compared.
        best: the positions of so many of these, best first.
        k: works to list.
        similarities: (n,) of each image.

    Returns:
        Positions (m,) of images, and for each work the places of its images among them, best first.
    """
    count = len(works)
    depth = min(count, 4 * k)
    while True:
        order = best(depth)
        _, first = np.unique(works[order], return_index=True)
        if len(first) >= k or depth >= count:
            break
        depth = min(count, 4 * depth)
    heads = order[np.sort(first)[:k]]
    number = np.full(int(works.max(initial=-1)) + 1, -1, np.int64)
    number[works[heads]] = np.arange(len(heads))
    place = number[works]
    members = np.flatnonzero(place >= 0)
    behind = np.ones(count, bool)
    behind[heads] = False
    members = members[np.lexsort((-similarities[members], behind[members], place[members]))]
    ends = np.searchsorted(place[members], np.arange(1, len(heads)))
    return members, np.split(np.arange(len(members)), ends) if len(heads) else []
