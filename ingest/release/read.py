"""Reading a release as a whole, with checks that its parts agree among themselves and with the store."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from ...runtime.decode import PIXEL_LIMIT
from ...store import InvalidInputError, Step, Store
from ...store.ids import mapped_column, vectors_table
from .features import CaseFeatures, Gallery, read_case, read_gallery
from .files import Files, find_files
from .images import ImageFolder, RowWriter, count_unused_files
from .listing import Listing, check_agreement, read_index
from .mappers import VectorTable, add_calibrations, add_encoder, add_mappers
from .parts import GalleryPart, ListingPart, Part, VectorsPart, write_part
from .stored import check_store, existing_store, known_encoders, stored_listing
from .weights import ReleasedCalibration, ReleasedMapper, read_calibrator, read_mapper


@dataclass(frozen=True)
class Release:
    """The parts of the release in a folder, validated. Large matrices stay on disk.

    `notes` tell users what is missing and what was left out.
    """

    folder: Path
    indexes: list[Listing] = field(default_factory=list)
    galleries: list[Gallery] = field(default_factory=list)
    features: list[CaseFeatures] = field(default_factory=list)
    mappers: list[ReleasedMapper] = field(default_factory=list)
    calibrations: list[ReleasedCalibration] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def listings(self) -> list[Listing]:
        """Every listing of models: the indexes, then the features."""
        return [*self.indexes, *(one.listing for one in self.features)]

    @property
    def dims(self) -> dict[str, int]:
        """The length of the features, by encoder."""
        return {name: dim for name, dim, _ in _dims(self)}


def read_release(folder: str | Path, store: Store | None = None) -> Release:
    """Read and validate the release in `folder`, also against `store` when given. Writes nothing.

    Raises:
        NotFoundError: there is no such folder.
        InvalidInputError: it is no release, an entry is invalid, or two parts disagree.
        DataError: a file is broken or holds something else.
        ConflictError: the store holds something else under the same name.
    All name the file and the entry.
    """
    files = find_files(folder, known_encoders(store) if store else ())
    release = Release(
        files.folder,
        [read_index(path, files.name(path), case) for case, path in files.indexes.items()],
        [read_gallery(path, files.name(path), encoder) for encoder, path in files.galleries.items()],
        [read_case(path, files.name(path), *key) for key, path in files.features.items()],
        [read_mapper(path, files.name(path), *key) for key, path in files.mappers.items()],
        [read_calibrator(path, files.name(path), *key) for key, path in files.calibrators.items()],
    )
    release.notes.extend(_notes(release, files))
    _check_dims(release)
    _check_tables(release)
    _check_listings(release, store)
    if store:
        check_store(store, release.dims, release.mappers, release.calibrations)
    return release


def _check_listings(release: Release, store: Store | None) -> None:
    """All listings of a case have to agree, the stored one included."""
    for case in dict.fromkeys(one.case for one in release.listings):
        parts = [one for one in release.listings if one.case == case]
        for place, part in enumerate(parts):
            for other in parts[:place]:
                check_agreement(other, part)
        stored = stored_listing(store, case) if store else None
        if stored:
            # Features that agree with an index beside them may list more than the stored listing.
            for part in parts[:1] if parts[0].complete else parts:
                check_agreement(stored, part)


def _dims(release: Release) -> Iterator[tuple[str, int, str]]:
    """(encoder, length of its features, file and entry) of every matrix that has to agree."""
    for gallery in release.galleries:
        yield gallery.encoder, gallery.rows.dim, gallery.rows.label
    for case in release.features:
        yield case.encoder, case.exemplars.dim, case.exemplars.label


def _check_dims(release: Release) -> None:
    first: dict[str, tuple[int, str]] = {}
    for encoder, dim, label in _dims(release):
        known, where = first.setdefault(encoder, (dim, label))
        if known != dim:
            raise InvalidInputError(
                f"{label} has {dim} dimensions, {where} has {known}",
                hint="features of one encoder have one length; nothing was imported",
            )
    for mapper in release.mappers:
        known, where = first.get(mapper.encoder, (0, ""))
        if known and mapper.pair.dim_in != known:
            raise InvalidInputError(
                f"{mapper.name}: real_mapper takes {mapper.pair.dim_in} dimensions, {where} has {known}",
                hint="use a mapper of this encoder; nothing was imported",
            )


def _check_tables(release: Release) -> None:
    """Raise InvalidInputError where two names become one table or column."""
    tables: dict[str, str] = {}
    for encoder in release.dims:
        other = tables.setdefault(vectors_table(encoder), encoder)
        if other != encoder:
            raise InvalidInputError(
                f"the encoders {other!r} and {encoder!r} would share a table", hint="rename a folder"
            )
    columns: dict[tuple[str, str], ReleasedMapper] = {}
    for mapper in release.mappers:
        same = columns.setdefault((mapper.encoder, mapped_column(mapper.mapper)), mapper)
        if same is not mapper:
            raise InvalidInputError(f"{same.name} and {mapper.name} would share a column", hint="rename one")


def _notes(release: Release, files: Files) -> Iterator[str]:
    """What is missing, and what was left out."""
    indexed = {one.case for one in release.indexes}
    encoders = dict.fromkeys(one for one, _, _ in _dims(release))
    cases = dict.fromkeys(one.case for one in release.listings)
    if not encoders:
        yield "no features (feats/<encoder>/)"
    for encoder in encoders:
        if encoder not in {one.encoder for one in release.galleries}:
            yield f"no gallery of {encoder}"
        have = {one.listing.case for one in release.features if one.encoder == encoder}
        missing = [case for case in cases if case not in have]
        if missing:
            yield f"no features of {encoder} for {', '.join(missing)}"
    unindexed = [case for case in cases if case not in indexed]
    if unindexed:
        yield f"no index of {', '.join(unindexed)}: models from the features"
    if not cases:
        yield "no test case (dataset/json/test_<case>.json)"
    if not release.mappers:
        yield "no mappers (weights/mapper/)"
    calibrated = {(one.encoder, one.mapper) for one in release.calibrations}
    bare = [one.name for one in release.mappers if (one.encoder, one.mapper) not in calibrated]
    if bare:
        yield f"no calibrator for {', '.join(bare)}"
    yield from (f"left out: {one}" for one in files.ignored)


def ingest_release(
    store: Store | str | Path, folder: str | Path, *, pixel_limit: int = PIXEL_LIMIT
) -> Iterator[Step]:
    """Import the official release in `folder`: `read_release`, then `write_release`.

    Args:
        store: an open store, or the path of one, which is created after the release is validated.
        folder: holds dataset/, feats/ and weights/, or some of them.
        pixel_limit: image files with more pixels stay references.

    Raises the errors of `read_release`, before anything is written.
    """
    found = store if isinstance(store, Store) else existing_store(str(store))
    release = read_release(folder, found)
    yield from write_release(found or Store.create(str(store)), release, pixel_limit=pixel_limit)


def write_release(store: Store, release: Release, *, pixel_limit: int = PIXEL_LIMIT) -> Iterator[Step]:
    """Write a release part by part, leaving out what is stored already.

    Stored rows stay as they are: an image that was stored as a reference keeps its id when its file is added
    later. The last step reports how many of those there are.
    """
    writer = RowWriter(store, ImageFolder(release.folder, pixel_limit))
    for encoder, dim in release.dims.items():
        add_encoder(store, encoder, dim)
    # Before the vectors, so that they are mapped as they are written and galleries are read once.
    yield from add_mappers(store, list(release.dims), release.mappers)
    tables = {encoder: VectorTable(store, encoder) for encoder in release.dims}
    parts: Iterator[Part] = chain(
        (ListingPart(one) for one in release.listings),
        (GalleryPart(one, tables[one.encoder]) for one in release.galleries),
        (VectorsPart(one, tables[one.encoder]) for one in release.features),
    )
    for part in parts:
        yield from write_part(writer, part)
    yield from add_calibrations(store, release.calibrations)
    unused = count_unused_files(store, writer.images)
    if unused:
        yield Step("references", unused, unused, f"{unused:,} have a file now but stay references")
