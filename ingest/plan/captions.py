"""The captions of stored images: the stored one, the others of its metadata, the world's own grammar."""

import json
from dataclasses import dataclass
from typing import Any

from ...store import Store
from ..specs import TOKEN
from ..world.captions import world_captions
from .exemplars import read_images

WORLD_URI = "world:"


@dataclass(frozen=True)
class CaptionedImage:
    """An image with its different captions, at least two."""

    image_id: str
    captions: tuple[str, ...]


def captioned_images(store: Store, collection: str) -> list[CaptionedImage]:
    """The images of a collection that have two captions or more, by id.

    A source with several captions an image (COCO) leaves them in `metadata.captions`. An image of the
    embedded world has one; the others are written by the grammar of its generator's captions.
    """
    found = [
        CaptionedImage(row["image_id"], _captions(row))
        for row in read_images(store, collection, "uri", "metadata")
    ]
    return [image for image in found if len(image.captions) > 1]


def _captions(row: dict[str, Any]) -> tuple[str, ...]:
    metadata = json.loads(row["metadata"] or "{}")
    several = metadata.get("captions")
    texts = [row["caption"], *(several if isinstance(several, list) else ())]
    known = [text.strip() for text in texts if isinstance(text, str) and text.strip() and TOKEN not in text]
    if len(known) == 1 and (row["uri"] or "").startswith(WORLD_URI):
        known = world_captions(known[0], row["category"], metadata)
    return tuple(dict.fromkeys(known))
