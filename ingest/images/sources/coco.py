"""COCO's JSON: images, annotations, categories and licences, joined to one row an image."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from .rows import Row


def is_coco(document: Any) -> bool:
    """Whether a JSON document has COCO's parts."""
    return (
        isinstance(document, Mapping)
        and isinstance(document.get("images"), list)
        and isinstance(document.get("annotations", []), list)
        and bool(document["images"])
        and all(isinstance(image, Mapping) and "id" in image for image in document["images"])
    )


def coco_rows(document: Mapping[str, Any]) -> list[Row]:
    """One row an image, in the file's order.

    `captions` has all captions of the image; `category` is the class that covers most of it, `categories`
    has all its classes; `license` is the licence's url, or else its name.
    """
    classes = _by_id(document.get("categories", ()), "name")
    licenses = _by_id(document.get("licenses", ()), "url", "name")
    notes: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for note in document.get("annotations", ()):
        if isinstance(note, Mapping):
            notes[note.get("image_id")].append(note)
    return [_row(image, notes.get(image["id"], []), classes, licenses) for image in document["images"]]


def _row(
    image: Mapping[str, Any],
    notes: Sequence[Mapping[str, Any]],
    classes: Mapping[Any, str],
    licenses: Mapping[Any, str],
) -> dict[str, Any]:
    row = dict(image)
    captions = [str(note["caption"]).strip() for note in notes if note.get("caption")]
    if captions:
        row["captions"] = captions
    covered: dict[str, float] = defaultdict(float)
    for note in notes:
        if note.get("category_id") in classes:
            area = note.get("area")
            covered[classes[note["category_id"]]] += area if isinstance(area, int | float) else 1
    if covered:
        row["category"] = max(covered, key=lambda name: covered[name])
        row["categories"] = list(covered)
    if row.get("license") in licenses:
        row["license"] = licenses[row["license"]]
    return row


def _by_id(entries: Any, *names: str) -> dict[Any, str]:
    """By id of each entry, the first of `names` that it has."""
    found = {}
    for entry in entries if isinstance(entries, list) else ():
        value = next((entry[name] for name in names if entry.get(name)), None)
        if value is not None and isinstance(entry.get("id"), int | str):
            found[entry["id"]] = str(value)
    return found
