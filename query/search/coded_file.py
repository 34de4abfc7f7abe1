"""The file that `CodedRows` are in: one for a space, mapped, so that processes share its memory."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...runtime.devices import core_count
from ...store import Store
from ...store.ids import vectors_table
from ...store.index_search import index_name
from ...store.layout import CODES
from ..features import FeatureReader
from .coded_rows import CodedRows
from .stored_pools import fragments_of
from .topk import Floats, Positions

FORMAT = 2
ALIGNED = 64
"""Bytes that each array of a file begins at a multiple of."""

ROUNDS, SEED = 2, 20240512
"""Of the rotation, which is written to the file: the rounds, and what its order and signs are drawn with."""

POPULATE_READ = 22
"""Linux's MADV_POPULATE_READ, which Python does not name."""

PROBED_BYTES = 256
"""Bytes that show whether a file is in memory."""

UNFINISHED_SECONDS = 24 * 3600
"""The age from which a file that was not finished is deleted."""


def write_coded_rows(
    store: Store,
    features: FeatureReader,
    centres: Floats,
    of_row: NDArray[np.int32],
    blocks: Iterable[tuple[Positions, Floats]],
) -> None:
    """Write the file of a space, whole or not at all.

    Args:
        store: a local one.
        features: of the space, at the version that has the index.
        centres: (partitions, dim) unit rows.
        of_row: (images,) the partition of each row, -1 where the index does not cover it.
        blocks: rows (n,) and their vectors (n, dim) as stored, each row once.
    """
    path, pieces = _path(store, features), of_row + 1
    order = np.argsort(pieces, kind="stable")
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    arrays: dict[str, NDArray[Any]] = {
        "centres": centres,
        "ends": np.cumsum(np.bincount(pieces, minlength=len(centres) + 1)),
        "rows": order.astype(np.int32),
        **_rotation(centres),
    }
    shapes = _shapes(arrays, len(order), centres.shape[1])
    about = {"format": FORMAT, "sources": _sources(features), "arrays": shapes}
    header = json.dumps(about).encode()
    for old in path.parent.glob(f"{path.name}.*.part"):  # of writers that were killed
        if time.time() - old.stat().st_mtime > UNFINISHED_SECONDS:
            old.unlink(missing_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            _reserve(file, _end(shapes, len(header)))
        made = _map(part, "r+", shapes, len(header))
        for name, one in arrays.items():
            made[name][...] = one
        with ThreadPoolExecutor(core_count()) as threads:
            for rows, raw in blocks:
                parts = [np.array_split(one, core_count()) for one in (raw, places[rows], pieces[rows])]
                list(threads.map(partial(_encode, made), *parts))
        for one in made.values():
            one.flush()
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_coded_rows(store: Store, features: FeatureReader, images: int) -> CodedRows | None:
    """The file of a space of so many images, mapped; None where there is none of this index and these images.

    Fragments that were added to the table since may hold samples alone.
    """
    if not store.layout.local:
        return None
    path = _path(store, features)
    try:
        with path.open("rb") as file:
            length, size = int.from_bytes(file.read(8), "little"), path.stat().st_size
            if length > size:
                return None
            about = json.loads(file.read(length))
        found, known, shapes = _sources(features), about["sources"], about["arrays"]
        items, before = found.pop("items"), known.pop("items")
        if about["format"] != FORMAT or found != known or items[: len(before)] != before:
            return None
        if shapes["rows"][1] != [images] or size != _end(shapes, length):
            return None
        return CodedRows(**{name: np.asarray(one) for name, one in _map(path, "r", shapes, length).items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _rotation(centres: Floats) -> dict[str, NDArray[Any]]:
    """What `sign_kernels.rotate` takes, and the rotated centres (partitions, padded)."""
    from .sign_kernels import WORD_BITS, rotate

    padded = -(-centres.shape[1] // WORD_BITS) * WORD_BITS
    random = np.random.default_rng(SEED)
    order = np.array([random.permutation(padded) for _ in range(ROUNDS)], np.int32)
    flips = random.choice(np.array([-1, 1], np.float32), (ROUNDS, padded))
    rotated = np.empty((len(centres), padded), np.float32)
    for centre, row in zip(centres, rotated, strict=True):
        rotate(centre, order, flips, row)
    return {"order": order, "flips": flips, "rotated_centres": rotated}


def _shapes(arrays: Mapping[str, NDArray[Any]], images: int, dim: int) -> dict[str, Any]:
    """The type and shape of each array of the file."""
    from .sign_kernels import WORD_BITS

    shapes: dict[str, Any] = {name: [str(one.dtype), list(one.shape)] for name, one in arrays.items()}
    words = shapes["order"][1][1] // WORD_BITS
    shapes |= {"factors": ["float32", [images]], "codes": ["int8", [images, dim]]}
    return shapes | {"terms": ["float32", [images, 3]], "signs": ["uint64", [images, words]]}


def _encode(made: Mapping[str, Any], raw: Floats, places: Positions, pieces: NDArray[np.int32]) -> None:
    """Write rows (n, dim) of some pieces (n,) to places (n,)."""
    from .coded_kernels import encode
    from .sign_kernels import encode_signs

    encode(raw, places, made["codes"], made["factors"])
    centres = np.where(pieces[:, None] > 0, made["centres"][pieces - 1], np.float32(0))
    encode_signs(raw, places, centres, made["order"], made["flips"], made["signs"], made["terms"])


def map_pages(coded: CodedRows, *, read: bool) -> None:
    """Have the system map the pages that searches read: else each maps those that no other has read.

    Measured for 1,000,000 rows: 0.1 s where the file is in memory, and searches then take half the time.
    The `codes`, most of the file, are read from the disk only where `read` says so.
    """
    arrays: list[Any] = [coded.signs, coded.terms, coded.factors, coded.rows, coded.codes]
    with suppress(OSError, AttributeError):  # not in a file, or another system
        for one in arrays:
            mapped: Any = one.base
            if read or one is not coded.codes or _is_in_memory(mapped):
                mapped._mmap.madvise(POPULATE_READ)


def _is_in_memory(mapped: np.memmap[Any, Any]) -> bool:
    """Whether bytes all over a mapped array can be read without a disk."""
    places = np.linspace(mapped.offset, mapped.offset + mapped.nbytes - 1, PROBED_BYTES).astype(int)
    with Path(str(mapped.filename)).open("rb") as file:
        try:
            for place in places.tolist():
                os.preadv(file.fileno(), [bytearray(1)], place, os.RWF_NOWAIT)
        except BlockingIOError:
            return False
    return True


def _reserve(file: BinaryIO, size: int) -> None:
    """Give the file its size and room on the disk: a process that maps a file on a full disk is killed."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)


def _path(store: Store, features: FeatureReader) -> Path:
    return store.file(CODES, f"{vectors_table(features.encoder)}.{features.column}")


def _sources(features: FeatureReader) -> dict[str, Any]:
    """The segments of the index, and the fragments that its rows are in."""
    name = index_name(features.column)
    segments = [
        str(segment.uuid)
        for one in features.dataset.describe_indices()
        if one.name == name
        for segment in one.segments
    ]
    items = fragments_of(features.dataset, ("item_kind", features.column))
    return {"segments": sorted(segments), "items": items}


def _places(shapes: Mapping[str, Any], header: int) -> dict[str, tuple[int, int]]:
    """The first byte of each array, and the one after its last."""
    found, at = {}, 8 + header
    for name, (kind, shape) in shapes.items():
        at = -(-at // ALIGNED) * ALIGNED
        found[name] = at, at + np.dtype(kind).itemsize * int(np.prod(shape))
        at = found[name][1]
    return found


def _end(shapes: Mapping[str, Any], header: int) -> int:
    return max(end for _, end in _places(shapes, header).values())


def _map(path: Path, mode: Any, shapes: Mapping[str, Any], header: int) -> dict[str, np.memmap[Any, Any]]:
    return {
        name: np.memmap(path, shapes[name][0], mode, start, tuple(shapes[name][1]))
        for name, (start, _) in _places(shapes, header).items()
    }
