"""Consistency checks of a store: each names what is wrong, how often, a few examples and what to do."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .composite_checks import composite_parts, parts_of
from .content_checks import image_bytes, onnx_files, removals, vector_values
from .damage import Damage, find_damage
from .errors import NotFoundError
from .ids import mapped_column, vectors_table
from .lookup import quote
from .problems import Problem, problem
from .schema import ITEM_TABLES
from .storage_errors import first_line, is_storage_error
from .store import Store
from .vectors import encoder_of


def check(store: Store, *, read_bytes: bool = True) -> list[Problem]:
    """All problems in the newest versions of the tables; none in a sound store.

    What rows say of each other is not checked of tables whose files are damaged.

    Args:
        store: the store.
        read_bytes: also read every file, and compare the hash of every image with its id: the slow part.
    """
    damaged = find_damage(store, read=read_bytes)
    problems = [_damage_problem(damage) for damage in damaged]
    for checked in _checks(store, read_bytes):
        try:
            problems += checked
        except BaseException as error:
            if not is_storage_error(error) and not isinstance(error, NotFoundError):
                raise
            if not damaged:
                problems.append(_unreadable(error))
    return problems


def _checks(store: Store, read_bytes: bool) -> Iterator[Iterator[Problem]]:
    """Every check, each an iterator of its own: one that meets a damaged table does not end the others."""
    for reference in REFERENCES:
        yield _references(store, reference)
    yield _exemplars(store)
    for table in store.tables():
        if table.startswith(("vectors_", "views_")):
            yield _vectors_without_item(store, table)
    yield _encoders(store)
    if read_bytes:
        yield image_bytes(store)
        for table in store.tables():
            if table.startswith(("vectors_", "views_")):
                yield vector_values(store, table)
    yield _jobs(store)
    yield removals(store)


def _damage_problem(damage: Damage) -> Problem:
    message = f"{damage.file} {damage.what}"
    return Problem("damaged-file", damage.table, 1, (damage.file,), message, damage.remedy)


def _unreadable(error: BaseException) -> Problem:
    message = f"the store cannot be read: {first_line(error)}"
    return Problem("unreadable", "", 1, (), message, "restore it from a backup")


REFERENCES = (
    ("sample-without-model", "samples", "model_id", "models", "sample_id"),
    ("member-without-image", "members", "image_id", "images", "image_id"),
    ("rank-without-sample", "ranks", "sample_id", "samples", "sample_id"),
    ("rank-without-image", "ranks", "image_id", "images", "image_id"),
    ("rank-without-run", "ranks", "run_id", "runs", "run_id"),
)
"""(check, table, its column, the table whose key that is, the column that examples show)."""

_RUN_AGAIN = "run `attribase query eval` again, or delete them: attribase query prune --unfinished"


def _references(store: Store, reference: tuple[str, str, str, str, str]) -> Iterator[Problem]:
    """Rows that name a missing row of another table."""
    name, table, column, target, shown = reference
    rows = store.read(table, list(dict.fromkeys([column, shown])))
    keys = _keys(store, target, column)
    named = rows.filter(pc.is_valid(rows[column]))  # a sample from elsewhere names no model
    lost = named.filter(pc.invert(pc.is_in(named[column], keys)))
    yield from problem(
        name,
        table,
        lost[shown].to_pylist(),
        f"{table}.{column} names what {target} does not hold",
        _RUN_AGAIN if target == "runs" else f"ingest the {target} again",
    )


def _exemplars(store: Store) -> Iterator[Problem]:
    """Models whose exemplars are not stored: their recall could not be measured."""
    images = _keys(store, "images", "image_id")
    models = store.read("models", ["model_id", "exemplar_ids"])
    lost = set()
    for model, ids in zip(models["model_id"].to_pylist(), models["exemplar_ids"].to_pylist(), strict=True):
        if not pc.all(pc.is_in(pa.array(ids, pa.string()), images), min_count=0).as_py():
            lost.add(model)
    yield from problem(
        "model-without-exemplar",
        "models",
        sorted(lost),
        "models.exemplar_ids names images that are not stored",
        "ingest the exemplars' images",
    )


def _vectors_without_item(store: Store, table: str) -> Iterator[Problem]:
    known = pa.concat_arrays([_keys(store, items.table, items.key) for items in ITEM_TABLES.values()])
    ids = store.read(table, ["item_id"])["item_id"]
    lost = ids.filter(pc.invert(pc.is_in(ids, known)))
    yield from problem(
        "vector-without-item",
        table,
        lost.unique().to_pylist(),
        "vectors whose item is neither an image nor a sample",
        "ingest those images or samples again",
    )


def _encoders(store: Store) -> Iterator[Problem]:
    for encoder in store.read("encoders").sort_by("encoder").to_pylist():
        yield from _missing_vectors(store, encoder)
        yield from _unmapped(store, encoder["encoder"])
        yield from onnx_files(store, encoder)
        yield from composite_parts(store, encoder)


def _missing_vectors(store: Store, encoder: dict[str, Any]) -> Iterator[Problem]:
    """Items with bytes that are neither embedded nor recorded as impossible to embed."""
    table = vectors_table(encoder["encoder"])
    known = [_keys(store, table, "item_id")] if table in store.tables() else []
    for name in (encoder["encoder"], *(part["encoder"] for part in parts_of(encoder))):
        where = f"stage = {quote(f'embed:{name}')}"  # what a part cannot embed, its composite cannot have
        known.append(store.read("failures", ["item"], where)["item"].combine_chunks())
    there = pa.concat_arrays(known)
    missing: list[str] = []
    for items in ITEM_TABLES.values():
        ids = store.read(items.table, [items.key], "bytes IS NOT NULL")[items.key]
        missing += ids.filter(pc.invert(pc.is_in(ids, there))).to_pylist()
    yield from problem(
        "missing-vector",
        table,
        missing,
        f"items with bytes that {encoder['encoder']!r} has not embedded",
        _remedy_of_missing(encoder),
    )


def _remedy_of_missing(encoder: dict[str, Any]) -> str:
    """Features from elsewhere have no model here that could embed more."""
    name = encoder["encoder"]
    if encoder["source"] and not encoder["onnx_file"] and not parts_of(encoder):
        return f"bring them from where the others came: attribase ingest vectors FILE --encoder {name}"
    return f"attribase ingest embed --encoder {name}"


def _unmapped(store: Store, encoder: str) -> Iterator[Problem]:
    """Vectors that a mapper of this encoder has not mapped, and mappers that share a column."""
    table = vectors_table(encoder)
    if table not in store.tables() or encoder_of(store.schema(table)) != encoder:
        return
    names = store.read("mappers", ["mapper"], f"encoder = {quote(encoder)}")["mapper"].to_pylist()
    columns: dict[str, list[str]] = {}
    for name in sorted(names):
        columns.setdefault(mapped_column(name), []).append(name)
    for column, mappers in columns.items():
        absent = column not in store.schema(table).names
        where = None if absent else f"{column} IS NULL"
        yield from problem(
            "unmapped-vector",
            table,
            store.read(table, ["item_id"], where)["item_id"].to_pylist(),
            f"vectors that the mapper {mappers[0]!r} has not mapped",
            f"attribase train mapper --encoder {encoder} --name {mappers[0]}",
        )
        yield from problem(
            "shared-column",
            table,
            mappers if len(mappers) > 1 else [],
            f"mappers that are all kept in {column}",
            "train all but one again under other names",
        )


def _jobs(store: Store) -> Iterator[Problem]:
    for job in store.jobs.unfinished():
        left = job.total_items - job.done_items
        spec = json.dumps(job.spec, sort_keys=True)
        message = f"the job '{job.kind}' {spec} has {left} of {job.total_items} items left"
        yield Problem("unfinished-job", "jobs", left, (job.job_id,), message, "run its command again")


def _keys(store: Store, table: str, column: str) -> pa.Array:
    keys = store.read(table, [column])[column].combine_chunks()
    return keys if isinstance(keys, pa.Array) else pa.concat_arrays(keys.chunks)
