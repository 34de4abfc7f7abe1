"""What the tests of image sources share: ingesting a source, and what the store then holds."""

from attribase.ingest.images import ingest_images, open_source


def ingest(store, source, collection="gallery", **options):
    return list(ingest_images(store, open_source(str(source)), collection, **options))


def images_of(store, columns=("image_id", "uri", "caption", "category", "width", "height")):
    return {row["uri"].rpartition("/")[2]: row for row in store.read("images", list(columns)).to_pylist()}


def failures_of(store):
    return {row["item"]: row["reason"] for row in store.read("failures", ["item", "reason"]).to_pylist()}


def members_of(store):
    return sorted((row["collection"], row["image_id"]) for row in store.read("members").to_pylist())
