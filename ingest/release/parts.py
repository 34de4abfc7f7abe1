"""The parts of a release as jobs: each is written in chunks, which are the shards of its job."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Protocol

import pyarrow as pa

from ...store import Step
from .features import CaseFeatures, Gallery
from .files import GALLERY
from .images import RowWriter, add_images, known_images
from .listing import Listing, sample_id
from .mappers import VectorTable
from .models import add_models, add_samples, stored_exemplars
from .stored import JOB

CHUNK = 16_384  # rows a commit: 48 MB of vectors of length 768, and as much for each mapper


class Part(Protocol):
    """A part of a release that is written in chunks, once for each `name` and `digest`."""

    @property
    def stage(self) -> str:
        """Its name in progress messages."""

    @property
    def name(self) -> str:
        """The file, and which part of it."""

    @property
    def digest(self) -> str:
        """Changes when the file's content does."""

    def chunks(self) -> Sequence[tuple[str, int]]:
        """(name, items) of every chunk, in order; names are unique."""

    def write(self, writer: RowWriter, chunk: str) -> None:
        """Write one chunk; writing it twice changes nothing."""


def write_part(writer: RowWriter, part: Part) -> Iterator[Step]:
    """Write the chunks that are not written yet, one step a chunk."""
    chunks = part.chunks()
    spec = {"part": part.name, "digest": part.digest}
    job = writer.store.jobs.plan(JOB, spec, [name for name, _ in chunks], 1)
    pending = {shard.items[0]: shard for shard in job.pending()}
    if not pending:
        return
    done, total = 0, sum(items for _, items in chunks)
    for name, items in chunks:
        if name in pending:
            part.write(writer, name)
            job.finish(pending[name])
        done += items
        yield Step(part.stage, done, total)


def _cuts(label: str, items: int) -> list[tuple[str, int]]:
    """Chunks `<label>:<first item>`."""
    return [(f"{label}:{start}", min(CHUNK, items - start)) for start in range(0, items, CHUNK)]


def _range(chunk: str) -> slice:
    start = int(chunk.rpartition(":")[2])
    return slice(start, start + CHUNK)


@dataclass(frozen=True)
class ListingPart:
    """The models and samples of a case."""

    listing: Listing

    @property
    def stage(self) -> str:
        """Its name in progress messages."""
        return self.listing.case

    @property
    def name(self) -> str:
        """The file."""
        return self.listing.source

    @property
    def digest(self) -> str:
        """The digest of the file."""
        return self.listing.digest

    @cached_property
    def _samples(self) -> list[tuple[str, str, str]]:
        return list(self.listing.samples())

    def chunks(self) -> Sequence[tuple[str, int]]:
        """All models at once, then samples."""
        return [("models", len(self.listing.models)), *_cuts("samples", len(self._samples))]

    def write(self, writer: RowWriter, chunk: str) -> None:
        """Write models or samples."""
        if chunk == "models":
            add_models(writer, self.listing)
        else:
            add_samples(writer, self._samples[_range(chunk)])


@dataclass(frozen=True)
class GalleryPart:
    """The gallery of one encoder: images, members and vectors."""

    gallery: Gallery
    table: VectorTable

    @property
    def stage(self) -> str:
        """Its name in progress messages."""
        return f"{self.gallery.encoder}: {GALLERY}"

    @property
    def name(self) -> str:
        """The file."""
        return self.gallery.name

    @property
    def digest(self) -> str:
        """The digest of the file."""
        return self.gallery.digest

    @cached_property
    def _known(self) -> pa.StringArray:
        return known_images(self.table.store, self.gallery.paths, aliases=True)

    def chunks(self) -> Sequence[tuple[str, int]]:
        """Rows of the matrix."""
        return _cuts("rows", self.gallery.rows.count)

    def write(self, writer: RowWriter, chunk: str) -> None:
        """Write images, then their vectors."""
        rows = _range(chunk)
        paths, known = (column[rows].to_pylist() for column in (self.gallery.paths, self._known))
        ids = add_images(writer, GALLERY, paths, known, gallery=True)
        self.table.add("image", ids, self.gallery.rows, rows.start)


@dataclass(frozen=True)
class VectorsPart:
    """The vectors of the exemplars and samples of a case, whose rows are stored by then."""

    features: CaseFeatures
    table: VectorTable

    @property
    def stage(self) -> str:
        """Its name in progress messages."""
        return f"{self.features.encoder}: {self.features.listing.case}"

    @property
    def name(self) -> str:
        """The file, told apart from its ListingPart."""
        return f"{self.features.listing.source}: vectors"

    @property
    def digest(self) -> str:
        """The digest of the file."""
        return self.features.listing.digest

    def chunks(self) -> Sequence[tuple[str, int]]:
        """Rows of each matrix."""
        samples = (_cuts(f"scheme {one.scheme}", one.rows.count) for one in self.features.samples)
        return [*_cuts("exemplars", self.features.exemplars.count), *chain.from_iterable(samples)]

    def write(self, writer: RowWriter, chunk: str) -> None:  # noqa: ARG002 - as every part
        """Write the vectors of some exemplars, or of some samples of one scheme."""
        rows = _range(chunk)
        if chunk.startswith("exemplars:"):
            ids = self._exemplar_ids[rows]
            self.table.add("image", ids, self.features.exemplars, rows.start)
            return
        scheme = chunk.removeprefix("scheme ").rpartition(":")[0]
        one = next(one for one in self.features.samples if one.scheme == scheme)
        models = self.features.listing.model_ids
        pairs = zip(one.models[rows], one.paths[rows], strict=True)
        names = [sample_id(models[model], scheme, path) for model, path in pairs]
        self.table.add("sample", names, one.rows, rows.start)

    @cached_property
    def _exemplar_ids(self) -> list[str | None]:
        """The image id of each exemplar row; None for a row of no model."""
        stored = stored_exemplars(self.table.store, self.features.listing)
        ids: list[str | None] = [None] * self.features.exemplars.count
        for name, (start, end) in zip(self.features.listing.model_ids, self.features.chunks, strict=True):
            ids[start:end] = stored[name]
        return ids
