"""Which images, models and samples a removal takes out of a store, chosen before anything is written."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pyarrow as pa
import pyarrow.compute as pc

from .check_items import altered_from
from .errors import InvalidInputError
from .ids import content_id
from .lookup import SCAN_ROWS, quote
from .selection import find_images, images_where
from .store import Store
from .tombstones import item_columns, named_rows


@dataclass(frozen=True)
class RemovalPlan:
    """What a removal would take out of a store.

    `images` (id -> uri) go with all that is theirs. `memberships` are images that only leave `collection`,
    because they are in another one too. `models` (id -> its removed exemplars) were customized on some of
    the images, `samples` (id -> model) drawn by those models, or are images that a check altered (id ->
    image). `unknown` was named and is not in the store.
    """

    images: Mapping[str, str | None]
    memberships: tuple[str, ...] = ()
    collection: str | None = None
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    samples: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)  # by table, of what is deleted

    @property
    def empty(self) -> bool:
        """Whether nothing would be removed."""
        return not (self.images or self.memberships)


def plan_removal(
    store: Store,
    *,
    collection: str | None = None,
    where: str | None = None,
    ids: Sequence[str] | None = None,
    missing_from: str | Path | None = None,
) -> RemovalPlan:
    """What a removal of the images that meet all given conditions would take out; nothing is written.

    Args:
        store: the store.
        collection: only its members. Those that are in another collection too stay images of the store and
            only leave this one.
        where: an SQL condition on the columns of `images`, as Lance evaluates it.
        ids: image ids or uris.
        missing_from: a folder; members of `collection` that came from it and are no longer in it.

    Raises InvalidInputError where no condition is given, or one that cannot be evaluated.
    """
    if collection is None and where is None and ids is None:
        raise InvalidInputError(
            "nothing says which images to remove", hint="give a collection, a condition or a list of ids"
        )
    chosen = images_where(store, where)
    unknown: list[str] = []
    if ids is not None:
        found, unknown = find_images(store, ids)
        chosen &= found
    staying: set[str] = set()
    if missing_from is not None:
        if collection is None:
            raise InvalidInputError(
                f"images missing from {missing_from} are members of a collection",
                hint="name it with --collection",
            )
        chosen &= {image for image, _ in missing_members(store, collection, missing_from)}
    if collection is not None:
        members = store.read("members")
        mine = pc.equal(members["collection"], collection)
        chosen &= set(members.filter(mine)["image_id"].to_pylist())
        staying = chosen & set(members.filter(pc.invert(mine))["image_id"].to_pylist())
    return _with_derived(store, chosen - staying, staying, collection, unknown)


def missing_members(store: Store, collection: str, folder: str | Path) -> list[tuple[str, str]]:
    """(image_id, uri) of the members of `collection` that came from `folder` and are no longer in it.

    Their file is gone, or another picture has its name now: where several members share a uri, the file is
    compared with their ids. Members of an archive in the folder are not looked for.
    """
    prefix = f"{Path(_path_of(str(folder))).expanduser().absolute()}/"
    members = store.read("members", ["image_id"], f"collection = {quote(collection)}")["image_id"]
    by_path: dict[str, list[tuple[str, str]]] = {}
    for batch in store.scan("images", ["image_id", "uri"], batch_rows=SCAN_ROWS):
        mine = batch.filter(pc.is_in(batch["image_id"], members.combine_chunks()))
        for image, uri in zip(mine["image_id"].to_pylist(), mine["uri"].to_pylist(), strict=True):
            path = _path_of(uri or "")
            if path.startswith(prefix):
                by_path.setdefault(path, []).append((image, uri))
    missing = []
    for path, images in sorted(by_path.items()):
        there = Path(path).is_file()
        if not there and _is_in_archive(path, prefix):
            continue
        held = content_id(Path(path).read_bytes()) if there and len(images) > 1 else None
        missing += [one for one in images if not there or held not in (None, one[0])]
    return missing


def _path_of(uri: str) -> str:
    """The path that a uri is or names; names that are no UTF-8 are percent-escaped in `file://` uris."""
    return os.fsdecode(unquote_to_bytes(uri[7:])) if uri.startswith("file://") else uri


def _is_in_archive(path: str, prefix: str) -> bool:
    """Whether a part of the path below the folder is a file: of an archive, or of a table (`x.parquet#3`)."""
    above = Path(path.partition("#")[0])
    return any(str(one).startswith(prefix) and one.is_file() for one in (above, *above.parents))


def _with_derived(
    store: Store, images: set[str], leaving: set[str], collection: str | None, unknown: Sequence[str]
) -> RemovalPlan:
    """The plan with what was made from `images` (altered pictures of checks, models and their samples), and
    the rows of each table.
    """
    altered_images, altered_samples = altered_from(store, images)
    images = images.union(altered_images)
    uris: dict[str, str | None] = {}
    for batch in store.scan("images", ["image_id", "uri"], batch_rows=SCAN_ROWS) if images else ():
        mine = batch.filter(pc.is_in(batch["image_id"], pa.array(images, pa.string())))
        uris |= zip(mine["image_id"].to_pylist(), mine["uri"].to_pylist(), strict=True)
    models = {
        row["model_id"]: tuple(sorted(images.intersection(row["exemplar_ids"])))
        for row in store.read("models", ["model_id", "exemplar_ids"]).to_pylist()
        if not images.isdisjoint(row["exemplar_ids"])
    }
    samples = {
        row["sample_id"]: row["model_id"]
        for row in store.read("samples", ["sample_id", "model_id"]).to_pylist()
        if row["model_id"] in models
    } | altered_samples
    every = images.union(models, samples)
    rows = {table: _count(store, table, every) for table in store.tables() if item_columns(table)}
    rows["members"] += len(leaving)
    return RemovalPlan(
        images=uris,
        memberships=tuple(sorted(leaving)),
        collection=collection,
        models=models,
        samples=samples,
        unknown=tuple(unknown),
        rows={table: count for table, count in rows.items() if count},
    )


def _count(store: Store, table: str, ids: Collection[str]) -> int:
    """The rows of `table` that name one of `ids`."""
    batches = store.scan(table, item_columns(table), batch_rows=SCAN_ROWS) if ids else ()
    return sum(named_rows(table, pa.table(batch), ids).true_count for batch in batches)
