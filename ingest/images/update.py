"""Bring what a table of owners says into images that are stored already."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ...store import InvalidInputError, Step, Store
from ...store.lookup import quote
from ...store.rights import Said
from .merge import MERGED_AT_ONCE, Merge, MergeCounts, outdated_vectors
from .owner_match import OwnerMatches, match_exactly, match_paths
from .owners import OwnerTable
from .summary import merge_lines, outdated_lines

STAGE = "update"
SCAN_ROWS = 1 << 16


@dataclass(frozen=True)
class UpdateSummary:
    """What one run did; with `dry_run`, what it would have done.

    Attributes:
        images: that were looked at.
        matches: rows by image_id.
        merged: values that were filled, replaced, or differ.
        outdated: by encoder, vectors that were made with an earlier caption.
    """

    images: int
    matches: OwnerMatches
    merged: MergeCounts
    dry_run: bool
    outdated: Mapping[str, int]

    def lines(self) -> Iterator[str]:
        """The summary for people, totals last."""
        yield from self.matches.lines()
        yield from merge_lines(self.merged, written=not self.dry_run)
        yield from outdated_lines(self.outdated)
        changed, named = self.merged.filled + self.merged.replaced, len(self.matches.rows)
        would = "would be " if self.dry_run else ""
        yield f"{named:,} of {self.images:,} images are in the table: {would}updated {changed:,}"


def update_images(
    store: Store,
    table: OwnerTable,
    collection: str | None = None,
    *,
    update: bool = False,
    dry_run: bool = False,
) -> Generator[Step, None, UpdateSummary]:
    """Fill what is empty in stored images from the rows of a table that are of them.

    A run that was stopped is completed by running it again: what is filled stays, the rest follows.

    Args:
        store: its `images` are changed.
        table: see `read_owners`.
        collection: look at its images alone.
        update: also replace values that differ.
        dry_run: count, and write nothing.

    Returns:
        What was done, as the value of the generator.

    Raises:
        InvalidInputError: there are no images, or no row is of one.
    """
    uris = _uris(store, collection)
    if not uris:
        where = f"collection {collection!r}" if collection else "the store"
        raise InvalidInputError(
            f"there are no images in {where}", hint="attribase ingest images DIR --collection X"
        )
    matches = _match(table, uris)
    if not matches.rows:
        example = next(iter(uris.values()))
        raise InvalidInputError(
            f"no row of {table.path} is of a stored image",
            hint=f"its column {table.column!r} says {table.names[0]!r}, the uri of an image is {example!r}",
        )
    merge, said = Merge(store, update=update, dry_run=dry_run), Said("table", str(table.path))
    yield Step(STAGE, 0, len(matches.rows))
    for done, (image_id, row) in enumerate(matches.rows.items(), 1):
        merge.add(image_id, table.row(row), said)
        if len(merge) >= MERGED_AT_ONCE or done == len(matches.rows):
            merge.write()
            yield Step(STAGE, done, len(matches.rows))
    outdated = outdated_vectors(store, merge.counts)
    return UpdateSummary(len(uris), matches, merge.counts, dry_run, outdated)


def _uris(store: Store, collection: str | None) -> dict[str, str]:
    """image_id -> uri."""
    wanted = None
    if collection is not None:
        where = f"collection = {quote(collection)}"
        wanted = set(store.read("members", ["image_id"], where)["image_id"].to_pylist())
    found = {}
    for batch in store.scan("images", ["image_id", "uri"], batch_rows=SCAN_ROWS):
        for image_id, uri in zip(batch["image_id"].to_pylist(), batch["uri"].to_pylist(), strict=True):
            if wanted is None or image_id in wanted:
                found[image_id] = uri or ""
    return found


def _match(table: OwnerTable, uris: dict[str, str]) -> OwnerMatches:
    """The rows by image_id."""
    if table.kind == "file name":
        return match_paths(table, {image_id: _path(uri) for image_id, uri in uris.items()})
    exact = match_exactly(table)
    if table.kind == "hash":
        rows = {image_id: exact.rows[image_id] for image_id in uris if image_id in exact.rows}
    else:
        rows = {image_id: exact.rows[uri] for image_id, uri in uris.items() if uri in exact.rows}
    return OwnerMatches(table, rows, exact.ambiguous, set(rows.values()))


def _path(uri: str) -> str:
    """The path of a uri: of a URL what is before `?`, unescaped."""
    return unquote(urlsplit(uri).path) if "://" in uri else uri
