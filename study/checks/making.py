"""What checks make in a store: altered pictures, and the vectors of what was made."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ...query.catalog import GALLERY
from ...runtime.composite import composite_parts
from ...runtime.decode import BadImageError, decode_image, stored_pixel_limit
from ...runtime.model_files import EXTRA, can_embed, encoder_row, stored_files
from ...runtime.tokens import TOKENIZER_FILE
from ...store import Step, Store, key_id
from ...store.check_items import MADE_FROM
from ...store.ids import canonical_json, content_id
from ...store.lookup import quote
from .alterations import Alteration
from .check import CheckPlan

TOGETHER = 256
"""Altered pictures that are committed at once."""


@dataclass(frozen=True)
class Altered:
    """A picture to be made: `original`, an image of the store, changed by `alteration`."""

    original: str
    alteration: Alteration

    def item_id(self, check: str) -> str:
        """The id of the sample that this is for `check`."""
        return key_id(check, self.original, self.alteration.name)

    def metadata(self, check: str) -> str:
        """What the row of the picture says of it: JSON."""
        about = {"check": check, MADE_FROM: self.original, "alteration": self.alteration.name}
        return canonical_json(about)


def pick_images(store: Store, purpose: str, count: int, collection: str = GALLERY) -> list[str]:
    """`count` images of a collection that have bytes, or as many as there are: the same in every run.

    They are those with the least hash of `purpose` and id: no other choice by id has them in common.
    """
    members = store.read("members", ["image_id"], f"collection = {quote(collection)}")["image_id"]
    mine = set(members.to_pylist())
    there = (
        image
        for batch in store.scan("images", ["image_id"], "bytes is not null", batch_rows=1 << 16)
        for image in batch["image_id"].to_pylist()
        if image in mine
    )
    return heapq.nsmallest(count, there, key=lambda image: key_id(purpose, image))


def make_samples(store: Store, check: str, wanted: Sequence[Altered]) -> Iterator[Step]:
    """Store altered pictures as samples that no model of the store drew, those that are missing.

    A picture whose original does not decode is left out.
    """
    by_id = {one.item_id(check): one for one in wanted}
    missing = sorted(by_id.keys() - store.held("samples", list(by_id)))
    done = len(by_id) - len(missing)
    for start in range(0, len(missing), TOGETHER):
        some = {item: by_id[item] for item in missing[start : start + TOGETHER]}
        pictures = alter_images(store, list(some.values()))
        rows = [
            _sized(pictures[one])
            | {"sample_id": item, "model_id": None, "scheme": check, "metadata": one.metadata(check)}
            for item, one in some.items()
            if one in pictures
        ]
        if rows:
            store.upsert("samples", rows)
        done += len(some)
        yield Step(check, done, len(by_id))


def make_images(store: Store, check: str, wanted: Sequence[Altered]) -> Iterator[Step]:
    """Store altered pictures as images of the collection `check`, those that are missing.

    `altered_images` reads which they are. What is known of an original but its bytes is its altered image's
    too. A picture whose original does not decode is left out.
    """
    there = altered_images(store, check)
    missing = [one for one in wanted if (one.original, one.alteration.name) not in there]
    done = len(wanted) - len(missing)
    columns = ["image_id", "caption", "category", "creator", "license"]
    for start in range(0, len(missing), TOGETHER):
        some = missing[start : start + TOGETHER]
        pictures = alter_images(store, some)
        known = {row["image_id"]: row for row in store.read("images", columns).to_pylist()}
        rows = {
            (row := _sized(data) | known[one.original] | {"image_id": content_id(data)})["image_id"]: row
            | {"uri": f"{check}/{one.alteration.name}/{one.original}", "metadata": one.metadata(check)}
            for one, data in pictures.items()
        }
        if rows:
            store.upsert("images", list(rows.values()))
            store.upsert("members", [{"collection": check, "image_id": image} for image in rows])
        done += len(some)
        yield Step(check, done, len(wanted))


def altered_images(store: Store, check: str) -> dict[tuple[str, str], str]:
    """The image of each (original, alteration) that `make_images` stored."""
    prefix = f"{check}/"
    rows = store.read("images", ["image_id", "uri"], f"uri like {quote(prefix + '%')}").to_pylist()
    parts = {row["image_id"]: row["uri"].removeprefix(prefix).rpartition("/") for row in rows}
    return {(original, name): image for image, (name, _, original) in parts.items()}


def alter_images(store: Store, wanted: Sequence[Altered]) -> Mapping[Altered, bytes]:
    """The bytes of each altered picture whose original decodes."""
    limit = stored_pixel_limit(store)
    data = dict(store.blobs("images", "bytes", sorted({one.original for one in wanted})))
    made = {}
    for one in wanted:
        try:
            made[one] = one.alteration(data[one.original] or b"", limit)
        except BadImageError:
            continue
    return made


def embed_all(store: Store, plan: CheckPlan) -> Iterator[Step]:
    """Embed what has no vector, with every encoder of the plan whose network is in the store."""
    from ...ingest.embed import embed

    for encoder in plan.encoders():
        if can_embed(store, encoder):
            yield from embed(store, encoder)


def reads_captions(store: Store, encoder: str) -> bool:
    """Whether its features depend on captions, too: new pictures have none."""
    row = encoder_row(store, encoder)
    parts = composite_parts(row)
    if parts:
        return any(reads_captions(store, part.name) for part in parts)
    return any(Path(one.file).name == TOKENIZER_FILE for one in stored_files(row) if one.role == EXTRA)


def read_frame(store: Store, table: str, columns: Sequence[str], where: str | None = None) -> pl.DataFrame:
    """Some columns of a table as a data frame."""
    frame = pl.from_arrow(store.read(table, list(columns), where))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _sized(data: bytes) -> dict[str, Any]:
    width, height = decode_image(data).size
    return {"width": width, "height": height, "bytes": data}
