"""The exemplars of a model that was trained elsewhere: its training folder, or images that are stored."""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from ...store import InvalidInputError, Step, Store, content_id
from ...store.tombstones import read_tombstones
from ..generated.exemplars import StoredImages
from ..images import ingest_images, open_source
from ..images.sources.source import ImageRecord, ImageSource
from .listing import Entry


@dataclass(frozen=True)
class StoredExemplars:
    """Exemplars in the store. `failures` are files of the folder that were left out, by (reason, remedy)."""

    image_ids: tuple[str, ...]
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)


def store_exemplars(
    store: Store, entry: Entry, collection: str, stored: StoredImages
) -> Generator[Step, None, StoredExemplars]:
    """Ingest the training folder of a model into `collection`; names of stored images are looked up instead.

    Raises:
        InvalidInputError: a folder without images; an exemplar that was removed from the store; a name that
            several images have.
        NotFoundError: a name that no image has.
    """
    names = entry.said.exemplars
    if not (len(names) == 1 and Path(names[0]).exists()):
        found = stored.find(names)
        return StoredExemplars(tuple(dict.fromkeys(found[name] for name in names)))
    source = open_source(names[0])
    summary = yield from ingest_images(store, source, collection, subfolder="none")
    ids = _ids(source)
    removed = read_tombstones(store).by_id
    gone = next((removed[one] for one in ids if one in removed), None)
    if gone is not None:
        raise InvalidInputError(
            f"{entry.name} was trained on an image that was {gone.story}: {gone.item_id}", hint=gone.remedy
        )
    held = store.held("images", list(ids))
    kept = tuple(one for one in ids if one in held)
    if not kept:
        raise InvalidInputError(
            f"none of the images in {names[0]} can be read",
            hint='see `query sql "from failures"` for the reasons',
        )
    return StoredExemplars(kept, summary.failures)


def _ids(source: ImageSource) -> dict[str, None]:
    """The ids of the images of a source, in its order, each once."""
    records = (record for _, record in source.read(source.items()))
    return {
        content_id(one.uri.encode() if one.data is None else one.data): None
        for one in records
        if isinstance(one, ImageRecord)
    }
