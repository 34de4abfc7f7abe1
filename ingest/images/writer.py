"""Writes the images of a source: new rows, memberships, values of stored images, pictures for references."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...runtime.decode import decode_image
from ...store import Failure, Store
from ...store.columns import utc_now
from ...store.rights import FIELDS, Change, RightsLog, Said, changes_between
from .embedded_rights import METADATA_KEY, EmbeddedRights, read_embedded_rights
from .merge import (
    COLUMNS,
    Merge,
    MergeCounts,
    MergingWriter,
    merge_row,
    metadata_text,
    parse_metadata,
)
from .references import PictureUris, replace_references, stored_references
from .sources.cells import TEXTS
from .sources.source import ImageRecord
from .staging import RowSink, StoreSink

SUBFOLDERS = ("category", "creator", "none")
"""What the names of subfolders can be taken as."""


class Incoming(NamedTuple):
    """An image of the source that can be used; `size` is None where it was not decoded.

    `rights` are what its file says, which counts where nothing else says it.
    """

    item: str
    image_id: str
    record: ImageRecord
    size: tuple[int, int] | None
    rights: EmbeddedRights = EmbeddedRights()


@dataclass
class WriteCounts:
    """What became of the images of a run.

    Attributes:
        new: rows inserted.
        known: images that were stored before, or came twice.
        joined: memberships that are new, of new and of known images.
        references_replaced: references that gave way to their picture.
        references_kept: references that models, vectors or ranks name, stored beside their picture.
        subfolders: images that took their subfolder's name.
    """

    new: int = 0
    known: int = 0
    joined: int = 0
    references_replaced: int = 0
    references_kept: int = 0
    subfolders: int = 0


class ImageWriter(MergingWriter):
    """Writes images into one collection. `flush` before what they came from is marked as done.

    New rows go into `sink`; by default that is the store.
    """

    def __init__(
        self,
        store: Store,
        collection: str,
        *,
        update: bool,
        subfolder: str,
        origin: str | None = None,
        sink: RowSink | None = None,
    ) -> None:
        super().__init__(Merge(store, update=update))
        self._sink = sink or StoreSink(store)
        self.counts = WriteCounts()
        self._store, self._collection, self._origin = store, collection, origin
        self._update, self._subfolder = update, subfolder
        self._pictures: PictureUris | None = None
        self._origins: dict[str, Mapping[str, str]] = {}

    def held(self, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that are stored already."""
        return self._store.held("images", ids)

    def accept(self, item: str, image_id: str, record: ImageRecord, size: tuple[int, int] | None) -> Incoming:
        """The image with the rights that its file states, where it was decoded."""
        if size is None or record.data is None:
            return Incoming(item, image_id, record, None)
        return Incoming(item, image_id, record, size, read_embedded_rights(record.data))

    def new_row(self, accepted: Incoming) -> dict[str, Any]:
        """The row of an image, if nothing else is known of it."""
        return _with_rights(self._row(accepted), accepted.rights) | {"added": utc_now()}

    def write(self, images: Sequence[Incoming]) -> list[Failure]:
        """Store some images and their memberships. Returns those that were removed and may not come back."""
        kept, failures = self._leave_out_removed(images)
        rows: dict[str, dict[str, Any]] = {}
        self._origins = {}
        for image in kept:
            row = self._row(image)
            if image.image_id in rows:
                self._give(image.image_id, row, image.record.origins)
            else:
                rows[image.image_id] = row
                self._origins[image.image_id] = image.record.origins
        members = self._use_pictures(rows)
        replaced = self._merge_references(rows)
        inserted = self._insert(rows, {image.image_id: image.rights for image in kept})
        members |= set(rows)
        joined = [{"collection": self._collection, "image_id": image_id} for image_id in sorted(members)]
        self.counts.joined += self._store.upsert("members", joined) if joined else 0
        self.counts.new += inserted
        self.counts.known += len(kept) - inserted
        if replaced:
            stay = replace_references(self._store, replaced)
            self.counts.references_kept += stay
            self.counts.references_replaced += len(replaced) - stay
        return failures

    def _leave_out_removed(self, images: Sequence[Incoming]) -> tuple[list[Incoming], list[Failure]]:
        """The images that were not removed from the store, and failures of those that were."""
        rows = [{"image_id": one.image_id, "uri": one.record.uri, "bytes": one.record.data} for one in images]
        removed = self._store.removed(rows)
        failures = [
            Failure(one.item, "removed", removed[one.image_id].story, removed[one.image_id].remedy)
            for one in images
            if one.image_id in removed
        ]
        return [one for one in images if one.image_id not in removed], failures

    def _row(self, image: Incoming) -> dict[str, Any]:
        """What the source says of an image; what its file says comes last, where nothing else does."""
        record, (width, height) = image.record, image.size or (None, None)
        taken = {self._subfolder: record.subfolder} if record.subfolder else {}
        self.counts.subfolders += any(not getattr(record, column, "none") for column in taken)
        return {
            "image_id": image.image_id,
            "uri": record.uri,
            "caption": record.caption,
            "category": record.category or taken.get("category"),
            "creator": record.creator or taken.get("creator"),
            **{field: getattr(record, field) for field in FIELDS if field != "creator"},
            "width": width,
            "height": height,
            "bytes": record.data,
            "metadata": metadata_text(record.metadata),
        }

    def _use_pictures(self, rows: dict[str, dict[str, Any]]) -> set[str]:
        """Take out the references whose picture is stored or comes along. Returns the ids of the pictures."""
        references = {row["uri"]: image_id for image_id, row in rows.items() if row["bytes"] is None}
        if references and self._pictures is None:
            self._pictures = PictureUris(self._store)
        if self._pictures is None:
            return set()
        for image_id, row in rows.items():
            if row["bytes"] is not None:
                self._pictures.add(row["uri"], image_id)
        found = self._pictures.find(list(references))
        for uri, picture in found.items():
            reference = references[uri]
            self._give(picture, rows.pop(reference), self._origins[reference])
        return set(found.values())

    def _merge_references(self, rows: dict[str, dict[str, Any]]) -> dict[str, str]:
        """Give the pictures what is stored of their references. Returns the picture of each reference."""
        pictures = {row["uri"]: image_id for image_id, row in rows.items() if row["bytes"] is not None}
        replaced = {}
        for uri, reference in stored_references(self._store, pictures).items():
            row, counts = rows[pictures[uri]], MergeCounts()
            merged = merge_row(reference, given_values(row), counts, update=self._update)
            row.update({column: merged[column] for column in COLUMNS})
            counts.filled_columns.clear()  # they are the picture's own
            self.merged.add(counts.of_one_image())
            replaced[reference["image_id"]] = pictures[uri]
            own = self._origins[pictures[uri]]
            kept = {name: f"reference {reference['image_id']}" for name in FIELDS if reference[name]}
            self._origins[pictures[uri]] = {**own, **kept}
        return replaced

    def _insert(self, rows: dict[str, dict[str, Any]], rights: Mapping[str, EmbeddedRights]) -> int:
        """Insert the rows that are new, and note what the others say. Returns how many were new."""
        held = self.held(list(rows))
        fresh = [row for image_id, row in rows.items() if image_id not in held]
        for row in fresh:
            if row["bytes"] and row["width"] is None:  # it was stored a moment ago
                row["width"], row["height"] = decode_image(row["bytes"], sys.maxsize).size
        log = RightsLog(self._store)
        now = utc_now()
        stated = [_with_rights(row, rights[row["image_id"]]) | {"added": now} for row in fresh]
        log.write(
            change for row, whole in zip(fresh, stated, strict=True) for change in self._changes(row, whole)
        )
        inserted = self._sink.insert("images", stated)
        if inserted < len(fresh):  # another process stored some of them first
            log.withdraw_later()
        for image_id, row in rows.items():
            if image_id in held or inserted < len(fresh):
                self._give(image_id, row, self._origins[image_id])
        return inserted

    def _changes(self, row: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[Change]:
        """The rights of a new image: what the source says, in `row`, and what only its file says."""
        image_id = row["image_id"]
        for change in changes_between(image_id, {}, whole, Said("metadata")):
            origin = self._origins[image_id].get(change.field, self._origin)
            yield change._replace(said=Said("table", origin)) if row[change.field] else change

    def _give(self, image_id: str, row: Mapping[str, Any], origins: Mapping[str, str]) -> None:
        """Note what a row says of a stored image: apart for each table that says some of it."""
        values = given_values(row)
        for origin in dict.fromkeys(origins.values()):
            said = {name: values.pop(name) for name in list(values) if origins.get(name) == origin}
            self._merge.add(image_id, said, Said("table", origin))
        self._merge.add(image_id, values, Said("table", self._origin))


def _with_rights(row: Mapping[str, Any], rights: EmbeddedRights) -> dict[str, Any]:
    """A new row with what the file itself says where nothing else does."""
    others = {METADATA_KEY: dict(rights.others)} if rights.others else {}
    return {
        **row,
        **{field: row[field] or getattr(rights, field) for field in FIELDS},
        "metadata": metadata_text({**others, **(parse_metadata(row["metadata"]) or {})}),
    }


def given_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a new row says of its image."""
    return {column: row[column] for column in TEXTS} | {"metadata": parse_metadata(row["metadata"])}
