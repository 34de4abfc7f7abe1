"""Released images into the store: rows with bytes where the file is there, references by uri where not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ...store import Store, content_id
from ..images.source import Unreadable
from .pictures import ENDINGS, Picture, Pictures

COMMIT_BYTES = 64 << 20
STAGE = "release"


@dataclass(frozen=True)
class Sink:
    """Where image and sample rows go: a bounded number of bytes a commit, unusable files into failures."""

    store: Store
    pictures: Pictures

    def write(self, table: str, rows: Iterator[tuple[dict[str, Any], Unreadable | None]]) -> None:
        """Upsert the rows and record what was unusable."""
        held: list[dict[str, Any]] = []
        failures: list[tuple[str, str, str]] = []
        size = 0
        for row, problem in rows:
            held.append(row)
            size += len(row["bytes"] or b"")
            if problem:
                failures.append((row["uri"], problem.reason, problem.detail))
            if size > COMMIT_BYTES:
                self.store.upsert(table, held)
                held, size = [], 0
        self.store.upsert(table, held)
        self.store.record_failures(STAGE, failures)


def picture_columns(
    path: str, found: Picture | Unreadable | None
) -> tuple[dict[str, Any], Unreadable | None]:
    """The columns that images and samples share, and why the file could not be used."""
    if isinstance(found, Picture):
        return {"uri": path, "width": found.width, "height": found.height, "bytes": found.data}, None
    return {"uri": path, "width": None, "height": None, "bytes": None}, found


def add_images(
    sink: Sink, collection: str, paths: Sequence[str], known: Sequence[str | None], *, gallery: bool = False
) -> list[str]:
    """Store the images of `paths` that are not `known` (by id), all of them as members of `collection`.

    Returns the id of each path: that of its bytes where there is a file, of its uri where not.
    """
    ids: dict[str, str] = {path: name for path, name in zip(paths, known, strict=True) if name}
    fresh = [path for path in dict.fromkeys(paths) if path not in ids]

    def rows() -> Iterator[tuple[dict[str, Any], Unreadable | None]]:
        for path, found in sink.pictures.read(fresh, gallery=gallery):
            columns, problem = picture_columns(path, found)
            ids[path] = content_id(columns["bytes"] or path.encode())
            yield {"image_id": ids[path], **columns}, problem

    if fresh:
        sink.write("images", rows())
    found = [ids[path] for path in paths]
    members = {"collection": pa.array([collection] * len(found)), "image_id": pa.array(found)}
    sink.store.upsert("members", pa.table(members))
    return found


def known_images(store: Store, paths: pa.StringArray, *, aliases: bool = False) -> pa.StringArray:
    """The image_id of each path that the store holds as a uri, null for others.

    With `aliases` a path that differs only in its image ending counts too, unless it is among `paths` itself.
    """
    rows = store.read("images", ["uri", "image_id"])
    rows = rows.filter(pc.is_valid(rows["uri"]))
    uris, ids = rows["uri"].combine_chunks(), rows["image_id"].combine_chunks()
    found = ids.take(pc.index_in(paths, value_set=uris))
    if not aliases or not len(uris) or not found.null_count:
        return found
    for ending in ENDINGS:
        other = pc.replace_substring_regex(paths, r"\.[A-Za-z]+$", ending)
        alias = ids.take(pc.index_in(other, value_set=uris))
        own = pc.is_in(other, value_set=paths)
        found = pc.coalesce(found, pc.if_else(own, pa.scalar(None, pa.string()), alias))
    return found


def count_unused_files(store: Store, pictures: Pictures) -> int:
    """How many references of the store have a file by now. They stay references: ids do not change."""
    count = 0
    failed: Mapping[str, None] = dict.fromkeys(
        store.read("failures", ["item"], f"stage = '{STAGE}'")["item"].to_pylist()
    )
    for table in ("images", "samples"):
        for batch in store.scan(table, ["uri"], "width is null and uri is not null", batch_rows=65536):
            for path in batch["uri"].to_pylist():
                count += path not in failed and pictures.find(path, gallery=table == "images") is not None
    return count
