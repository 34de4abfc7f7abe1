"""The addresses of LanceDB's remote protocol. What writes is refused with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from ....store.errors import ForbiddenError, InvalidInputError, NotFoundError
from ....store.tags import list_tags
from ..responses import ARROW_FILE, arrow_response, json_response
from ..schemas import body_of, validated
from ..service import Service, dataset_of, the_service
from .filters import rows_of, validate_filter
from .schemas import CountBody, QueryBody, TagBody, Versioned, readable, schema_json
from .search import search

if TYPE_CHECKING:
    from ...session import Snapshot

router = APIRouter(tags=["LanceDB's remote protocol"])

PAGE = 1000
Table = Annotated[str, Path(max_length=200)]
Served = Annotated[Service, Depends(the_service)]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Token = Annotated[str | None, Query(max_length=200)]


@router.get("/v1/table/", summary="The tables, by name")
async def table_names(service: Served, limit: Limit = PAGE, page_token: Token = None) -> Response:
    """A page of names, after `page_token`."""
    return json_response(_page(service, limit, page_token))


@router.get("/v1/namespace/{namespace}/table/list", summary="The tables of the one namespace there is")
async def list_tables(
    service: Served, namespace: Table, limit: Limit = PAGE, page_token: Token = None
) -> Response:
    """As `/v1/table/`."""
    if namespace != "$":
        raise NotFoundError(f"there is no namespace {namespace!r}", hint="tables are in the root")
    return json_response(_page(service, limit, page_token))


@router.get("/v1/namespace/{namespace}/list", summary="There are no namespaces")
async def list_namespaces(namespace: Table) -> Response:
    """All tables are in the root, `$`."""
    if namespace != "$":
        raise NotFoundError(f"there is no namespace {namespace!r}", hint="tables are in the root")
    return json_response({"namespaces": []})


@router.post("/v1/table/{name}/describe/", summary="Schema, version and size of a table")
async def describe(request: Request, service: Served, name: Table) -> Response:
    """As LanceDB's client reads it."""
    body, snapshot = validated(Versioned, await _json(request)), service.snapshot

    def said() -> dict[str, Any]:
        dataset = _dataset(snapshot, name, body.version)
        return {
            "table": name,
            "version": int(dataset.version),
            "schema": schema_json(readable(dataset)),
            "stats": {"num_rows": dataset.count_rows()},
        }

    return json_response(await service.files.run(said))


@router.post(
    "/v1/table/{name}/count_rows/",
    openapi_extra=body_of(CountBody),
    summary="How many rows fulfil a condition",
)
async def count_rows(request: Request, service: Served, name: Table) -> Response:
    """A number."""
    body, snapshot = validated(CountBody, await _json(request)), service.snapshot

    def counted() -> int:
        dataset = _dataset(snapshot, name, body.version)
        return int(dataset.count_rows(validate_filter(dataset, body.predicate)))

    return json_response(await service.answers.run(counted))


@router.post(
    "/v1/table/{name}/query/",
    openapi_extra=body_of(QueryBody),
    summary="Search by vectors, or read rows by a condition",
)
async def query(request: Request, service: Served, name: Table) -> Response:
    """An Arrow file. A vector search has the columns `_distance` (1 - cosine) and `influence`."""
    body, snapshot = validated(QueryBody, await _json(request)), service.snapshot

    def answered() -> Response:
        if not body.vector:
            found = rows_of(_dataset(snapshot, name, body.version), body, service.options)
        else:
            dataset = _dataset(snapshot, name)
            if body.version not in (None, int(dataset.version)):
                raise InvalidInputError(
                    f"{name} is searched at version {dataset.version}, not {body.version}",
                    hint="checkout_latest(), or read rows without a vector",
                )
            found = search(snapshot, name, body, service.options)
        return arrow_response(found, ARROW_FILE)

    return await service.answers.run(answered)


@router.post("/v1/table/{name}/index/list/", summary="The indexes that vectors are searched by")
async def list_indexes(request: Request, service: Served, name: Table) -> Response:
    """One for each column that has one."""
    validated(Versioned, await _json(request))
    rows = await service.files.run(_indexes, service.snapshot, name)
    return json_response({"indexes": [_index_json(row) for row in rows]})


@router.post("/v1/table/{name}/index/{index}/stats/", summary="What was measured of an index")
async def index_stats(request: Request, service: Served, name: Table, index: Table) -> Response:
    """404 where there is no index of this name."""
    validated(Versioned, await _json(request))
    snapshot = service.snapshot

    def said() -> dict[str, Any]:
        for row in _indexes(snapshot, name):
            if row["index_name"] == index:
                return {
                    "num_indexed_rows": row["rows"],
                    "num_unindexed_rows": max(0, _dataset(snapshot, name).count_rows() - row["rows"]),
                    "index_type": row["kind"],
                    "distance_type": row["metric"],
                }
        raise NotFoundError(f"{name} has no index {index!r}", hint="list them: table.list_indices()")

    return json_response(await service.files.run(said))


@router.post("/v1/table/{name}/version/list/", summary="The versions of a table")
async def list_versions(service: Served, name: Table) -> Response:
    """Oldest first."""
    snapshot = service.snapshot

    def said() -> list[dict[str, Any]]:
        return [
            {
                "version": one["version"],
                "timestamp": one["timestamp"].astimezone().isoformat(),
                "metadata": {key: str(value) for key, value in (one.get("metadata") or {}).items()},
            }
            for one in _dataset(snapshot, name).versions()
        ]

    return json_response({"versions": await service.files.run(said)})


@router.post("/v1/table/{name}/tags/list/", summary="The store's tags")
async def tags(service: Served, name: Table) -> Response:
    """Of each, the version of this table."""
    return json_response(await service.files.run(_tags, service, name))


@router.post("/v1/table/{name}/tags/version/", summary="The version of this table at a tag")
async def tag_version(request: Request, service: Served, name: Table) -> Response:
    """400 where there is no such tag: the client takes any 404 to be about the table."""
    body = validated(TagBody, await _json(request))
    found = await service.files.run(_tags, service, name)
    if body.tag not in found:
        raise InvalidInputError(
            f"there is no tag {body.tag!r}", hint=f"there are {', '.join(found) or 'none'}"
        )
    return json_response({"version": found[body.tag]["version"]})


@router.api_route(
    "/v1/table/{rest:path}", methods=["POST", "PUT", "PATCH", "DELETE"], include_in_schema=False
)
async def anything_else(rest: str) -> Response:
    """Inserts, updates, deletes, indexes, new and dropped tables."""
    raise ForbiddenError(
        f"/v1/table/{rest[:200]} is not answered: this service describes, counts, reads and searches",
        hint="write with the attribase command, where the store is",
    )


async def _json(request: Request) -> bytes:
    """The body; the client sends none where there is nothing to say."""
    return await request.body() or b"{}"


def _page(service: Service, limit: int, after: str | None) -> dict[str, Any]:
    names = sorted(name for name in service.snapshot.pinned.versions if name > (after or ""))
    more = len(names) > limit
    return {"tables": names[:limit], "page_token": names[limit - 1] if more else None}


def _dataset(snapshot: Snapshot, name: str, version: int | None = None) -> Any:
    """The table at the snapshot's version, or at another that there still is. Raises NotFoundError."""
    if name not in snapshot.pinned.versions:
        known = ", ".join(sorted(snapshot.pinned.versions))
        raise NotFoundError(f"there is no table {name[:200]!r}", hint=f"there are {known}")
    return dataset_of(snapshot, name) if version is None else snapshot.store.dataset(name, version)


def _indexes(snapshot: Snapshot, table: str) -> list[dict[str, Any]]:
    _dataset(snapshot, table)  # a table that is not there is not one without indexes
    pinned = snapshot.pinned
    if "indexes" not in pinned.versions:
        return []
    rows = pinned.rows("indexes", ["table_name", "column_name", "index_name", "kind", "metric", "rows"])
    return [row for row in rows.to_pylist() if row["table_name"] == table]


def _index_json(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "index_name": row["index_name"],
        "index_uuid": row["index_name"],
        "columns": [row["column_name"]],
        "index_status": "done",
    }


def _tags(service: Service, table: str) -> dict[str, dict[str, Any]]:
    found = {tag.name: tag.versions.get(table) for tag in list_tags(service.store)}
    return {
        name: {"version": version, "manifestSize": 0}
        for name, version in found.items()
        if version is not None
    }
