"""GET /v1/info and /v1/metrics: what the store holds, and how well it attributes."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from ....runtime.mapper import RAW
from ....store.ids import vectors_table
from ....store.lookup import is_in, quote
from ...session import Snapshot
from ...sql.connection import open_connection
from ..responses import json_response
from ..service import Service, dataset_of, the_service

router = APIRouter()

RANKED = ("ranks", "runs", "samples", "models")


@router.get("/v1/info", summary="What this store holds")
async def info(service: Annotated[Service, Depends(the_service)]) -> Response:
    """Its name and version, encoders with their mappers, collections, and how much there is."""
    said = await service.files.run(described_store, service.snapshot)
    return json_response({**said, "sql": service.sql is not None})


@router.get("/v1/metrics", summary="Recall and mAP of the latest runs")
async def metrics(
    service: Annotated[Service, Depends(the_service)],
    intervals: Annotated[
        bool, Query(description="Also 95% confidence intervals: seconds, the first time.")
    ] = False,
) -> Response:
    """Rows of the view `metrics`; with `intervals` each has `{metric: [low, high]}`."""
    work = with_intervals if intervals else measured
    return json_response({"rows": await service.answers.run(work, service.snapshot)})


def described_store(snapshot: Snapshot) -> dict[str, Any]:
    """What /v1/info tells of one snapshot; read once a version."""
    versions = snapshot.pinned.versions
    said: dict[str, Any] = snapshot.cached(("info",), lambda: _describe(snapshot), *sorted(versions))
    return said


def _describe(snapshot: Snapshot) -> dict[str, Any]:
    pinned = snapshot.pinned
    members = pinned.rows("members", ["collection"])["collection"].combine_chunks().value_counts()
    collections = sorted((row["values"], row["counts"]) for row in members.to_pylist())
    return {
        "name": PurePosixPath(snapshot.store.uri.rstrip("/")).name,
        "version": snapshot.version,
        "encoders": _encoders(snapshot),
        "collections": [{"collection": name, "images": count} for name, count in collections],
        "counts": {table: pinned.dataset(table).count_rows() for table in ("images", "samples", "models")},
    }


def _encoders(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Encoders that have vectors, by name, each with its mappers, newest first, and raw features last."""
    pinned = snapshot.pinned
    calibrated = {
        (row["encoder"], row["mapper"])
        for row in pinned.rows("calibrations", ["encoder", "mapper"]).to_pylist()
    }
    trained = pinned.rows("mappers", ["encoder", "mapper", "created"]).to_pylist()
    trained.sort(key=lambda row: row["mapper"])
    trained.sort(key=lambda row: (row["created"] is not None, row["created"]), reverse=True)
    indexes = _indexes(snapshot)
    found = []
    for row in sorted(
        pinned.rows("encoders", ["encoder", "dim"]).to_pylist(), key=lambda row: row["encoder"]
    ):
        name = row["encoder"]
        if vectors_table(name) not in pinned.versions:
            continue
        mappers = [*(one["mapper"] for one in trained if one["encoder"] == name), RAW]
        found.append(
            {
                "encoder": name,
                "dim": row["dim"],
                "mappers": mappers,
                "calibrated": [mapper for mapper in mappers if (name, mapper) in calibrated],
                "index": {mapper: indexes[name, mapper] for mapper in mappers if (name, mapper) in indexes},
            }
        )
    return found


def _indexes(snapshot: Snapshot) -> dict[tuple[str, str], dict[str, Any]]:
    """Of each encoder and mapper that has an index: its kind and what was measured."""
    if "indexes" not in snapshot.pinned.versions:  # a store from before there were any
        return {}
    columns = ["encoder", "mapper", "kind", "rows", "recall_10", "recall_100", "milliseconds"]
    rows = snapshot.pinned.rows("indexes", columns).to_pylist()
    return {(row.pop("encoder"), row.pop("mapper")): row for row in rows}


def measured(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The view `metrics`; computed once a version of the tables it is made of."""

    def read() -> list[dict[str, Any]]:
        order = "order by encoder, case_name, split, scheme, mapper <> 'none', mapper"
        return _rows(snapshot, f"from metrics {order}")

    rows: list[dict[str, Any]] = snapshot.cached(("metrics",), read, *RANKED)
    return rows


def with_intervals(snapshot: Snapshot) -> list[dict[str, Any]]:
    """`measured` with the view `intervals` beside it."""

    def read() -> dict[tuple[Any, ...], dict[str, Any]]:
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in _rows(snapshot, "from intervals"):
            metric = "map" if row["metric"] == "ap" else row["metric"]
            found.setdefault(_cell(row), {})[metric] = [row["low"], row["high"]]
        return found

    spans: dict[tuple[Any, ...], dict[str, Any]] = snapshot.cached(("intervals",), read, *RANKED)
    return [{**row, "intervals": spans.get(_cell(row), {})} for row in measured(snapshot)]


def _cell(row: dict[str, Any]) -> tuple[Any, ...]:
    """What a row of metrics is of."""
    return tuple(row[name] for name in ("encoder", "mapper", "case_name", "scheme", "split"))


def _rows(snapshot: Snapshot, statement: str) -> list[dict[str, Any]]:
    """The rows of one of our own statements, at the versions of the snapshot."""
    con = open_connection(snapshot.store, snapshot.pinned.versions)
    try:
        rows: list[dict[str, Any]] = con.sql(statement).to_arrow_table().to_pylist()
        return rows
    finally:
        con.close()


COLUMNS = ["sample_id", "uri", "prompt", "scheme", "model_id"]
OF_MODEL = ["concept", "case_name", "split", "exemplar_ids"]

Text = Annotated[str | None, Query(max_length=500)]


@router.get("/v1/samples", summary="Browse stored generated images")
async def samples(
    service: Annotated[Service, Depends(the_service)],
    case: Text = None,
    scheme: Text = None,
    split: Text = None,
    model: Text = None,
    q: Annotated[str | None, Query(max_length=500, description="Text in the prompt or the uri.")] = None,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Response:
    """Those that all of the given conditions hold for, in the order they were stored."""
    models = {"case_name": case, "split": split, "model_id": model}
    said = await service.files.run(browsed, service.snapshot, models, scheme, q, offset, limit)
    return json_response(said)


def browsed(
    snapshot: Snapshot,
    models: dict[str, str | None],
    scheme: str | None,
    q: str | None,
    offset: int,
    limit: int,
) -> dict[str, Any]:
    """`total` and one page of `samples`."""
    known: dict[str, dict[str, Any]] = snapshot.cached(("models",), lambda: _models(snapshot), "models")
    wanted = {name: value for name, value in models.items() if value}
    conditions = []
    if wanted:
        mine = [
            key for key, row in known.items() if all(row[name] == value for name, value in wanted.items())
        ]
        if not mine:
            return {"total": 0, "samples": []}
        conditions.append(is_in("model_id", mine))
    if scheme:
        conditions.append(f"scheme = {quote(scheme)}")
    if q:
        text = quote(q.lower())
        conditions.append(f"(contains(lower(prompt), {text}) or contains(lower(uri), {text}))")
    where = " and ".join(conditions) or None
    dataset = dataset_of(snapshot, "samples")
    total = dataset.count_rows(where)
    scanner = dataset.scanner(columns=COLUMNS, filter=where, limit=limit, offset=offset, scan_in_order=True)
    none = dict.fromkeys(OF_MODEL)
    page = [
        {**row, **{name: known.get(row["model_id"], none)[name] for name in OF_MODEL}}
        for row in (scanner.to_table().to_pylist() if total else [])
    ]
    return {"total": total, "samples": page}


def _models(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    rows = snapshot.pinned.rows("models", ["model_id", *OF_MODEL]).to_pylist()
    return {row["model_id"]: row for row in rows}
