"""GET /v1/samples: stored generated images to browse, each with its true exemplars."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from ...store.lookup import is_in, quote
from ..session import Snapshot
from .formats import json_response
from .service import Service, dataset_of, the_service

router = APIRouter()

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
    known: dict[str, dict[str, Any]] = snapshot.once(("models",), lambda: _models(snapshot), "models")
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
