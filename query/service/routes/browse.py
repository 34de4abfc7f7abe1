"""GET /v1/info, /v1/metrics, /v1/similar: what the store is, how well it attributes, and search by words."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from ....runtime.mapper import RAW
from ....store.ids import vectors_table
from ....store.layout import software_version
from ....store.marker import require_marker
from ...attribution.request import OWNER_FIELDS
from ...catalog import trained_mappers
from ...session import Snapshot
from ...sql.connection import open_connection
from ...sql.statements import load_sql
from ...text_search import LONGEST_TEXT, search_texts, text_encoders
from ..evidence import PACKED
from ..field_values import fields_of
from ..replies import AnswerReply, InfoReply, MetricsReply, replies
from ..responses import json_response
from ..service import ServiceDep

router = APIRouter()

METRIC_TABLES = ("ranks", "runs", "samples", "models")
"""What the views `metrics` and `intervals` are computed from."""

INDEX_COLUMNS = ["encoder", "mapper", "kind", "rows", "recall_10", "recall_100", "milliseconds"]


@router.get("/v1/info", responses=replies(InfoReply), summary="What this store holds")
async def info(service: ServiceDep) -> Response:
    """Its name and version, encoders with their mappers, collections, and how much there is."""
    packs = {"evidence": service.packs.signer if service.packs else None, "evidence_images": PACKED}
    return json_response({**store_info(service.snapshot), "sql": service.options.sql, **packs})


@router.get("/v1/metrics", responses=replies(MetricsReply), summary="Recall and mAP of the latest runs")
async def metrics(
    service: ServiceDep,
    intervals: Annotated[
        bool, Query(description="Also 95% confidence intervals: seconds, the first time.")
    ] = False,
) -> Response:
    """Rows of the view `metrics`; with `intervals` each has `{metric: [low, high]}`."""
    read = metrics_with_intervals if intervals else latest_metrics
    return json_response({"rows": read(service.snapshot)})


@router.get("/v1/similar", responses=replies(AnswerReply), summary="Find images by words")
async def similar(
    service: ServiceDep,
    text: Annotated[str, Query(min_length=1, max_length=LONGEST_TEXT, description="What they show.")],
    k: Annotated[int, Query(ge=1, le=1000)] = 10,
    encoder: Annotated[
        str | None, Query(max_length=500, description="One of `text_encoders` of /v1/info.")
    ] = None,
    where: Annotated[str | None, Query(max_length=10_000, description="As of /v1/attribute.")] = None,
) -> Response:
    """The images whose features are most similar to the text's, best first; no influence."""
    (answer,) = search_texts(service.snapshot, [text], k=k, encoder=encoder, where=where)
    return json_response(answer.to_dict())


def store_info(snapshot: Snapshot) -> dict[str, Any]:
    """What /v1/info says of one snapshot; read once a version."""

    def read() -> dict[str, Any]:
        pinned = snapshot.pinned
        members = pinned.read("members", ["collection"])["collection"].combine_chunks().value_counts()
        collections = sorted((row["values"], row["counts"]) for row in members.to_pylist())
        tables = ("images", "samples", "models")
        return {
            "name": snapshot.store.name,
            "version": snapshot.version,
            "software": software_version(),
            "format": require_marker(snapshot.store.layout).format,
            "encoders": _encoders(snapshot),
            "text_encoders": text_encoders(snapshot),
            "fields": fields_of(snapshot),
            "clusters": "cluster_runs" in pinned.versions and pinned.dataset("cluster_runs").count_rows() > 0,
            "owners": fields_of(snapshot, OWNER_FIELDS),
            "collections": [{"collection": name, "images": count} for name, count in collections],
            "counts": {table: pinned.dataset(table).count_rows() for table in tables},
        }

    found: dict[str, Any] = snapshot.cached(("info",), read, *sorted(snapshot.pinned.versions))
    return found


def _encoders(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Encoders that have vectors, each with its mappers: newest first, raw features last.

    By name, but the encoder that answers when none is named comes first, and so does the mapper of each.
    """
    pinned = snapshot.pinned
    calibrated = {
        (row["encoder"], row["mapper"])
        for row in pinned.read("calibrations", ["encoder", "mapper"]).to_pylist()
    }
    trained = trained_mappers(pinned)
    indexes = _indexes(snapshot)
    encoders = sorted(pinned.read("encoders", ["encoder", "dim"]).to_pylist(), key=lambda row: row["encoder"])
    found = []
    for row in encoders:
        name = row["encoder"]
        if vectors_table(name) not in pinned.versions:
            continue
        mappers = [*(one["mapper"] for one in trained if one["encoder"] == name), RAW]
        default = snapshot.choose_features(name).mapper
        mappers.sort(key=lambda mapper: mapper != default)
        found.append(
            {
                "encoder": name,
                "dim": row["dim"],
                "mappers": mappers,
                "calibrated": [mapper for mapper in mappers if (name, mapper) in calibrated],
                "index": {mapper: indexes[name, mapper] for mapper in mappers if (name, mapper) in indexes},
            }
        )
    if found:
        first = snapshot.choose_features().encoder
        found.sort(key=lambda one: one["encoder"] != first)
    return found


def _indexes(snapshot: Snapshot) -> dict[tuple[str, str], dict[str, Any]]:
    """Kind and measured recall of each index, by encoder and mapper."""
    rows = snapshot.pinned.read("indexes", INDEX_COLUMNS).to_pylist()
    return {(row.pop("encoder"), row.pop("mapper")): row for row in rows}


def latest_metrics(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The view `metrics`; computed once a version of the tables it is made of."""

    def read() -> list[dict[str, Any]]:
        return _run_sql(snapshot, load_sql("metrics_of"), dict.fromkeys(("encoder", "mapper", "case_name")))

    rows: list[dict[str, Any]] = snapshot.cached(("metrics",), read, *METRIC_TABLES)
    return rows


def metrics_with_intervals(snapshot: Snapshot) -> list[dict[str, Any]]:
    """`latest_metrics`, each with its rows of the view `intervals`."""

    def read() -> dict[tuple[Any, ...], dict[str, Any]]:
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in _run_sql(snapshot, "from intervals"):
            metric = "map" if row["metric"] == "ap" else row["metric"]
            found.setdefault(_metric_key(row), {})[metric] = [row["low"], row["high"]]
        return found

    intervals: dict[tuple[Any, ...], dict[str, Any]] = snapshot.cached(("intervals",), read, *METRIC_TABLES)
    return [{**row, "intervals": intervals.get(_metric_key(row), {})} for row in latest_metrics(snapshot)]


def _metric_key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("encoder", "mapper", "case_name", "scheme", "split"))


def _run_sql(
    snapshot: Snapshot, statement: str, params: dict[str, str | None] | None = None
) -> list[dict[str, Any]]:
    """The rows of a trusted statement, at the versions of the snapshot."""
    con = open_connection(snapshot.store, snapshot.pinned.versions)
    try:
        rows: list[dict[str, Any]] = con.sql(statement, params=params).to_arrow_table().to_pylist()
        return rows
    finally:
        con.close()
