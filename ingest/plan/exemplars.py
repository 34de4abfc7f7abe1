"""The exemplars of planned models: single images of a collection, or several by one creator."""

from dataclasses import dataclass
from typing import Any

from ...store import Store
from ...store.lookup import quote

STYLE_SIZES = (5, 10)
"""Exemplars of a style model, fewest and most."""


@dataclass(frozen=True)
class Exemplars:
    """The exemplars of one model and what they show."""

    concept: str
    category: str
    image_ids: tuple[str, ...]


def object_exemplars(store: Store, collection: str) -> list[Exemplars]:
    """Those of one image each."""
    return [
        Exemplars(
            row["caption"] or row["category"] or "object", row["category"] or "object", (row["image_id"],)
        )
        for row in read_images(store, collection)
    ]


def style_exemplars(store: Store, collection: str) -> list[Exemplars]:
    """Those of 5-10 images by one creator."""
    least, most = STYLE_SIZES
    by_creator: dict[str, list[str]] = {}
    for row in read_images(store, collection):
        if row["creator"]:
            by_creator.setdefault(row["creator"], []).append(row["image_id"])
    return [
        Exemplars(creator, "style", tuple(ids[start : start + most]))
        for creator, ids in by_creator.items()
        for start in range(0, len(ids), most)
        if len(ids[start : start + most]) >= least
    ]


def nothing_hint(store: Store, collection: str, kind: str) -> str:
    """What to do where a collection has nothing to plan."""
    creators = [row["creator"] for row in read_images(store, collection)]
    if kind == "object" or not creators:
        return f"ingest images into it first: attribase ingest images DIR --collection {collection}"
    named = [creator for creator in creators if creator]
    most = max((named.count(creator) for creator in set(named)), default=0)
    return (
        f"a style needs at least {STYLE_SIZES[0]} images with the same `creator`: {len(named)} of "
        f"{len(creators)} images have one, at most {most} the same; name them with "
        "`ingest update --metadata FILE`, or ingest a folder a creator with --subfolder creator"
    )


def read_images(store: Store, collection: str, *columns: str) -> list[dict[str, Any]]:
    """The images of a collection by id: `image_id`, `caption`, `category`, `creator` and `columns`."""
    members = store.read("members", ["image_id"], where=f"collection = {quote(collection)}")
    wanted = set(members["image_id"].to_pylist())
    rows = store.read("images", ["image_id", "caption", "category", "creator", *columns]).to_pylist()
    return sorted((row for row in rows if row["image_id"] in wanted), key=lambda row: str(row["image_id"]))
