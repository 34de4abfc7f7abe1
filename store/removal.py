"""Removing images from a store: takedowns, opt-outs, members that are no longer in their folder.

What goes: the image with its bytes, its memberships, its vectors and views of every encoder, its ranks; with
the models that were customized on it their weights, their samples and what was made of those. Tombstones are
written first (tombstones.py), so a removal that is killed is finished by the next one, and nothing that
another process commits meanwhile stays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .columns import utc_now
from .errors import ConflictError, NotFoundError
from .jobs import Step
from .lookup import FEW, is_in, quote
from .removal_plan import RemovalPlan
from .retries import with_retries
from .store import Store
from .tombstones import (
    Tombstone,
    delete_named_rows,
    delete_rows,
    item_columns,
    read_tombstones,
    write_tombstones,
)

STAGE = "remove"
BYTES_LAST = ("ranks", "failures", "members", "samples", "models", "images")
"""The order in which tables are purged after the vectors: rows go before what they name."""


def remove(
    store: Store,
    plan: RemovalPlan,
    *,
    reason: str | None = None,
    models: bool = False,
    erase: bool = False,
) -> Iterator[Step]:
    """Remove what `plan` says, and finish removals that were killed; a step a table.

    Args:
        store: the store.
        plan: of `plan_removal`.
        reason: kept in the tombstones.
        models: also remove the models that were customized on the images, and their samples.
        erase: note that old versions must not hold the bytes of this and all earlier removals either;
            `erasure.erase` then deletes those.

    Raises ConflictError, before anything is written, where models were made from the images and `models` is
    not set.
    """
    if plan.models and not models:
        raise ConflictError(
            f"{len(plan.models)} models with {len(plan.samples)} samples were made from these images, "
            f"the first is {next(iter(plan.models))}",
            hint="their weights and samples derive from the images: add --models to remove them too",
        )
    _bury(store, plan, reason, erase=erase)
    for start in range(0, len(plan.memberships), FEW):
        some = is_in("image_id", plan.memberships[start : start + FEW])
        where = f"collection = {quote(str(plan.collection))} AND {some}"
        with_retries("deleting members", lambda where=where: store.dataset("members").delete(where))  # type: ignore[misc]
    yield from purge(store)


def _bury(store: Store, plan: RemovalPlan, reason: str | None, *, erase: bool) -> None:
    """Write the tombstones of all that goes; with `erase` mark all earlier ones to be erased too."""
    before = read_tombstones(store).by_id
    now = utc_now()
    new = [Tombstone(one, "image", uri, reason, now, (), erase) for one, uri in plan.images.items()]
    new += [Tombstone(one, "model", None, reason, now, made, erase) for one, made in plan.models.items()]
    new += [
        Tombstone(one, "sample", None, reason, now, plan.models.get(made_by, (made_by,)), erase)
        for one, made_by in plan.samples.items()
    ]
    to_erase = [replace(one, erase=True) for one in before.values() if erase and not one.erase]
    write_tombstones(store, [*(one for one in new if one.item_id not in before), *to_erase])


def purge(store: Store) -> Iterator[Step]:
    """Delete every row that names an item with a tombstone; a step a table."""
    removed = read_tombstones(store).by_id
    if not removed:
        return
    tables = [table for table in store.tables() if item_columns(table)]
    tables.sort(key=lambda table: BYTES_LAST.index(table) if table in BYTES_LAST else -1)
    for done, table in enumerate(tables, start=1):
        count = delete_named_rows(store, table, removed)
        yield Step(STAGE, done, len(tables), f"{table}: {count} rows")


def readmit(store: Store, names: Sequence[str]) -> list[str]:
    """Let removed images come back with their next ingest: delete the tombstones of these image ids or uris.

    The tombstones of models and samples that were made from no other removed image go with them. Nothing is
    brought back by this itself: a source that was ingested before is read again once tombstones have changed.

    Returns the image ids. Raises NotFoundError for a name of no removed image.
    """
    found = read_tombstones(store)
    images = []
    for name in dict.fromkeys(names):
        one = found.by_id.get(name) or found.by_uri.get(name)
        if one is None or one.item_kind != "image":
            raise NotFoundError(
                f"no removed image has the id or uri {name!r}",
                hint='list them: attribase query sql "from tombstones"',
            )
        images.append(one.item_id)
    left = {one for one, stone in found.by_id.items() if stone.item_kind == "image"}.difference(images)
    derived = [
        one for one, stone in found.by_id.items() if stone.made_from and left.isdisjoint(stone.made_from)
    ]
    delete_rows(store, "tombstones", "item_id", [*derived, *images])
    return images
