"""The routes of LanceDB's remote protocol. Those that would write answer 403."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from ....store.errors import ForbiddenError, InvalidInputError, NotFoundError
from ....store.tags import list_tags
from ..responses import ARROW_FILE, arrow_response, json_response
from ..schemas import openapi_body, parse_json
from ..service import Service, ServiceDep, open_dataset
from .rows import count_rows as count_matching
from .rows import read_rows
from .schemas import CountBody, QueryBody, TagBody, Versioned, readable_schema, schema_json
from .search import search

if TYPE_CHECKING:
    from ...session import Snapshot

router = APIRouter(tags=["LanceDB's remote protocol"])

PAGE_SIZE = 1000
TableName = Annotated[str, Path(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Token = Annotated[str | None, Query(max_length=200)]


@router.get("/v1/table/", summary="The tables, by name")
async def table_names(service: ServiceDep, limit: Limit = PAGE_SIZE, page_token: Token = None) -> Response:
    """A page of names, after `page_token`."""
    return json_response(_page(service, limit, page_token))


@router.get("/v1/namespace/{namespace}/table/list", summary="The tables of the one namespace there is")
async def list_tables(
    service: ServiceDep, namespace: TableName, limit: Limit = PAGE_SIZE, page_token: Token = None
) -> Response:
    """As `/v1/table/`."""
    if namespace != "$":
        raise NotFoundError(f"there is no namespace {namespace!r}", hint="tables are in the root")
    return json_response(_page(service, limit, page_token))


@router.get("/v1/namespace/{namespace}/list", summary="There are no namespaces")
async def list_namespaces(namespace: TableName) -> Response:
    """All tables are in the root, `$`."""
    if namespace != "$":
        raise NotFoundError(f"there is no namespace {namespace!r}", hint="tables are in the root")
    return json_response({"namespaces": []})


@router.post("/v1/table/{name}/describe/", summary="Schema, version and size of a table")
async def describe(request: Request, service: ServiceDep, name: TableName) -> Response:
    """As LanceDB's client reads it."""
    body, snapshot = parse_json(Versioned, await _read_body(request)), service.snapshot
    dataset = _dataset(snapshot, name, body.version)
    return json_response(
        {
            "table": name,
            "version": int(dataset.version),
            "schema": schema_json(readable_schema(dataset)),
            "stats": {"num_rows": dataset.count_rows()},
        }
    )


@router.post(
    "/v1/table/{name}/count_rows/",
    openapi_extra=openapi_body(CountBody),
    summary="How many rows a filter holds for",
)
async def count_rows(request: Request, service: ServiceDep, name: TableName) -> Response:
    """A number."""
    body, snapshot = parse_json(CountBody, await _read_body(request)), service.snapshot
    found = count_matching(_dataset(snapshot, name, body.version), body.predicate)
    return json_response(found)


@router.post(
    "/v1/table/{name}/query/",
    openapi_extra=openapi_body(QueryBody),
    summary="Search by vectors, or read rows by a filter",
)
async def query(request: Request, service: ServiceDep, name: TableName) -> Response:
    """An Arrow file. A vector search has the columns `_distance` (1 - cosine) and `influence`."""
    body, snapshot = parse_json(QueryBody, await _read_body(request)), service.snapshot
    if not body.vector:
        found = read_rows(_dataset(snapshot, name, body.version), body, service.options)
    else:
        dataset = _dataset(snapshot, name)
        if body.version not in (None, int(dataset.version)):
            raise InvalidInputError(
                f"{name} is searched at version {dataset.version}, not {body.version}",
                hint="checkout_latest(), or read rows without a vector",
            )
        found = search(snapshot, name, body, service.options)
    return arrow_response(found, ARROW_FILE)


@router.post("/v1/table/{name}/index/list/", summary="The indexes that vectors are searched by")
async def list_indexes(request: Request, service: ServiceDep, name: TableName) -> Response:
    """One for each column that has one."""
    parse_json(Versioned, await _read_body(request))
    rows = _indexes(service.snapshot, name)
    return json_response({"indexes": [_index_json(row) for row in rows]})


@router.post("/v1/table/{name}/index/{index}/stats/", summary="Rows and kind of an index")
async def index_stats(request: Request, service: ServiceDep, name: TableName, index: TableName) -> Response:
    """404 where there is no index of this name."""
    parse_json(Versioned, await _read_body(request))
    snapshot = service.snapshot
    for row in _indexes(snapshot, name):
        if row["index_name"] == index:
            return json_response(
                {
                    "num_indexed_rows": row["rows"],
                    "num_unindexed_rows": max(0, _dataset(snapshot, name).count_rows() - row["rows"]),
                    "index_type": row["kind"],
                    "distance_type": row["metric"],
                }
            )
    raise NotFoundError(f"{name} has no index {index!r}", hint="list them: table.list_indices()")


@router.post("/v1/table/{name}/version/list/", summary="The versions of a table")
async def list_versions(service: ServiceDep, name: TableName) -> Response:
    """Oldest first."""
    versions = [
        {
            "version": one["version"],
            "timestamp": one["timestamp"].astimezone().isoformat(),
            "metadata": {key: str(value) for key, value in (one.get("metadata") or {}).items()},
        }
        for one in _dataset(service.snapshot, name).versions()
    ]
    return json_response({"versions": versions})


@router.post("/v1/table/{name}/tags/list/", summary="The store's tags")
async def tags(service: ServiceDep, name: TableName) -> Response:
    """Of each, the version of this table."""
    return json_response(_tags(service, name))


@router.post("/v1/table/{name}/tags/version/", summary="The version of this table at a tag")
async def tag_version(request: Request, service: ServiceDep, name: TableName) -> Response:
    """400 where there is no such tag: the client takes any 404 to be about the table."""
    body = parse_json(TagBody, await _read_body(request))
    found = _tags(service, name)
    if body.tag not in found:
        raise InvalidInputError(
            f"there is no tag {body.tag!r}", hint=f"there are {', '.join(found) or 'none'}"
        )
    return json_response({"version": found[body.tag]["version"]})


@router.api_route(
    "/v1/table/{rest:path}", methods=["POST", "PUT", "PATCH", "DELETE"], include_in_schema=False
)
async def refuse_write(rest: str) -> Response:
    """Inserts, updates, deletes, indexes, new and dropped tables."""
    raise ForbiddenError(
        f"/v1/table/{rest[:200]} is not answered: this service describes, counts, reads and searches",
        hint="write with the attribase command, where the store is",
    )


async def _read_body(request: Request) -> bytes:
    """The body; the client leaves it out where no field is set."""
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
    return open_dataset(snapshot, name) if version is None else snapshot.store.dataset(name, version)


def _indexes(snapshot: Snapshot, table: str) -> list[dict[str, Any]]:
    _dataset(snapshot, table)  # raises for an unknown table
    columns = ["table_name", "column_name", "index_name", "kind", "metric", "rows"]
    rows = snapshot.pinned.read("indexes", columns)
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
