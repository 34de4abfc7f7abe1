"""The job: everything that a folder has of the AbC release into a store, resumable, and twice is once."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ...runtime.decode import PIXEL_LIMIT
from ...store import Step, Store
from .images import Sink, count_unused_files
from .mappers import add_calibrations, add_mappers
from .parts import GalleryPart, ListingPart, Part, VectorsPart, write_part
from .pictures import Pictures
from .read import Release, read_release
from .stored import existing_store
from .vectors import VectorTable, add_encoder


def ingest_release(
    store: Store | str | Path, folder: str | Path, *, pixel_limit: int = PIXEL_LIMIT
) -> Iterator[Step]:
    """Import what `folder` has of the official release. See docs of `read_release` and `write_release`.

    Args:
        store: an open store, or where one is; created, once the release is found sound, when there is none.
        folder: has dataset/, feats/ and weights/, or some of them.
        pixel_limit: image files with more pixels stay references.

    Raises what `read_release` raises, before anything is written.
    """
    found = store if isinstance(store, Store) else existing_store(str(store))
    release = read_release(folder, found)
    yield from write_release(found or Store.create(str(store)), release, pixel_limit=pixel_limit)


def write_release(store: Store, release: Release, *, pixel_limit: int = PIXEL_LIMIT) -> Iterator[Step]:
    """Write a release that was read, part by part; what is there is not written again.

    A row that is there stays as it is: an image that was stored as a reference keeps its id when its file
    turns up later. The last step says how many such there are.
    """
    sink = Sink(store, Pictures(release.folder, pixel_limit))
    for encoder, dim in release.dims.items():
        add_encoder(store, encoder, dim)
    # Before the vectors, so that each is mapped as it is written and a gallery is not read once more.
    yield from add_mappers(store, list(release.dims), release.mappers)
    tables = {encoder: VectorTable(store, encoder) for encoder in release.dims}
    parts: Iterator[Part] = chain(
        (ListingPart(one) for one in release.listings),
        (GalleryPart(one, tables[one.encoder]) for one in release.galleries),
        (VectorsPart(one, tables[one.encoder]) for one in release.features),
    )
    for part in parts:
        yield from write_part(sink, part)
    yield from add_calibrations(store, release.calibrations)
    unused = count_unused_files(store, sink.pictures)
    if unused:
        yield Step("references", unused, unused, f"{unused:,} have a file now but stay references")
