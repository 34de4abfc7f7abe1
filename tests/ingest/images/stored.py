"""What the tests of image sources share: ingesting a source, and what the store then holds."""

from attribase.ingest.images import Unreadable, ingest_images, open_source


def ingest(store, source, collection="gallery", **options):
    return list(ingest_images(store, open_source(str(source)), collection, **options))


def images_of(store, columns=("image_id", "uri", "caption", "category", "width", "height")):
    return {row["uri"].rpartition("/")[2]: row for row in store.read("images", list(columns)).to_pylist()}


def failures_of(store):
    return {row["item"]: row["reason"] for row in store.read("failures", ["item", "reason"]).to_pylist()}


def members_of(store):
    return sorted((row["collection"], row["image_id"]) for row in store.read("members").to_pylist())


def read_all(source, columns=None):
    """What a source reads without a store: by item, its record or why there is none."""
    opened = open_source(str(source), columns)
    return dict(opened.read(opened.items()))


def reasons(read):
    """The reasons of what cannot be read, by item."""
    return {item: found.reason for item, found in read.items() if isinstance(found, Unreadable)}
