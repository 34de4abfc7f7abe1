"""Consistency checks of a store: each names what is wrong, how often, a few examples and what to do."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .ids import content_id, mapped_column, vectors_table
from .lookup import quote
from .schema import ITEM_TABLES
from .store import Store
from .vectors import encoder_of

EXAMPLES = 5


@dataclass(frozen=True)
class Problem:
    """`count` rows of `table` that are wrong; `examples` are up to five of their ids."""

    check: str
    table: str
    count: int
    examples: tuple[str, ...]
    message: str
    hint: str


def check(store: Store, *, read_bytes: bool = True) -> list[Problem]:
    """All problems in the newest versions of the tables; none in a sound store.

    Args:
        store: the store.
        read_bytes: also compare the hash of every image with its id: the only slow check.
    """
    return list(_problems(store, read_bytes))


def _problems(store: Store, read_bytes: bool) -> Iterator[Problem]:
    yield from _references(store)
    yield from _exemplars(store)
    for table in store.tables():
        if table.startswith(("vectors_", "views_")):
            yield from _vectors_without_item(store, table)
    for encoder in store.read("encoders").sort_by("encoder").to_pylist():
        yield from _missing_vectors(store, encoder["encoder"])
        yield from _unmapped(store, encoder["encoder"])
        yield from _onnx(store, encoder)
    if read_bytes:
        yield from _bytes(store)
    yield from _jobs(store)


REFERENCES = (
    ("sample-without-model", "samples", "model_id", "models", "sample_id"),
    ("member-without-image", "members", "image_id", "images", "image_id"),
    ("rank-without-sample", "ranks", "sample_id", "samples", "sample_id"),
    ("rank-without-image", "ranks", "image_id", "images", "image_id"),
    ("rank-without-run", "ranks", "run_id", "runs", "run_id"),
)
"""(check, table, its column, the table whose key that is, the column that examples show)."""

_RUN_AGAIN = "run `attribase query eval` again, or delete them: attribase query prune --unfinished"


def _references(store: Store) -> Iterator[Problem]:
    """Rows that name a missing row of another table."""
    for name, table, column, target, shown in REFERENCES:
        rows = store.read(table, list(dict.fromkeys([column, shown])))
        keys = _keys(store, target, column)
        lost = rows.filter(pc.invert(pc.is_in(rows[column], keys)))
        yield from _problem(
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
    yield from _problem(
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
    yield from _problem(
        "vector-without-item",
        table,
        lost.unique().to_pylist(),
        "vectors whose item is neither an image nor a sample",
        "ingest those images or samples again",
    )


def _missing_vectors(store: Store, encoder: str) -> Iterator[Problem]:
    """Items with bytes that are neither embedded nor recorded as impossible to embed."""
    table = vectors_table(encoder)
    known = [_keys(store, table, "item_id")] if table in store.tables() else []
    stage = f"embed:{encoder}"
    known.append(store.read("failures", ["item"], f"stage = {quote(stage)}")["item"].combine_chunks())
    there = pa.concat_arrays(known)
    missing: list[str] = []
    for items in ITEM_TABLES.values():
        ids = store.read(items.table, [items.key], "bytes IS NOT NULL")[items.key]
        missing += ids.filter(pc.invert(pc.is_in(ids, there))).to_pylist()
    yield from _problem(
        "missing-vector",
        table,
        missing,
        f"items with bytes that {encoder!r} has not embedded",
        f"attribase ingest embed --encoder {encoder}",
    )


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
        yield from _problem(
            "unmapped-vector",
            table,
            store.read(table, ["item_id"], where)["item_id"].to_pylist(),
            f"vectors that the mapper {mappers[0]!r} has not mapped",
            f"attribase train mapper --encoder {encoder} --name {mappers[0]}",
        )
        yield from _problem(
            "shared-column",
            table,
            mappers if len(mappers) > 1 else [],
            f"mappers that are all kept in {column}",
            "train all but one again under other names",
        )


def _onnx(store: Store, encoder: dict[str, Any]) -> Iterator[Problem]:
    """The files of an exported encoder: the model, its weights, its tokenizer."""
    if not encoder["onnx_file"] or not store.layout.local:
        return
    name, hint = encoder["encoder"], "export the encoder again"
    for file in json.loads(encoder["files"]):
        path = store.file(*file["file"].split("/"))
        if not path.is_file():
            yield from _problem("onnx-missing", "encoders", [name], f"there is no file {path}", hint)
            continue
        with path.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != file["sha256"]:
                yield from _problem("onnx-changed", "encoders", [name], f"{path} has another hash", hint)


def _bytes(store: Store) -> Iterator[Problem]:
    wrong = [
        image
        for batch in store.scan("images", ["image_id", "bytes"], "bytes IS NOT NULL")
        for image, data in zip(batch["image_id"].to_pylist(), batch["bytes"].to_pylist(), strict=True)
        if content_id(data) != image
    ]
    yield from _problem(
        "wrong-hash",
        "images",
        wrong,
        "images whose id is not the hash of their bytes",
        "restore them from a backup, or ingest their source into a new store",
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


def _problem(name: str, table: str, items: Sequence[str], message: str, hint: str) -> Iterator[Problem]:
    """One problem, unless there are no `items`."""
    if items:
        yield Problem(name, table, len(items), tuple(items[:EXAMPLES]), message, hint)
