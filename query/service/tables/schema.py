"""Arrow schemas in the JSON that LanceDB's client reads."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ...relation import Relation

NAMES = {
    pa.bool_(): "bool",
    pa.int8(): "int8",
    pa.int16(): "int16",
    pa.int32(): "int32",
    pa.int64(): "int64",
    pa.uint8(): "uint8",
    pa.uint16(): "uint16",
    pa.uint32(): "uint32",
    pa.uint64(): "uint64",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "string",
    pa.large_string(): "large_string",
}


def readable(dataset: Any) -> pa.Schema:
    """What clients see of a table: its columns without blobs, as DuckDB sees them."""
    return pa.schema(
        [
            pa.field(field.name, field.type, nullable=dataset.schema.field(field.name).nullable)
            for field in Relation(dataset).schema
        ]
    )


def schema_json(schema: pa.Schema) -> dict[str, Any]:
    """`{"fields": [{"name", "type", "nullable"}, ...]}`."""
    return {"fields": [_field(field) for field in schema]}


def _field(field: pa.Field) -> dict[str, Any]:
    return {"name": field.name, "type": _type(field.type), "nullable": field.nullable}


def _type(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_fixed_size_list(kind):
        return {"type": "fixed_size_list", "fields": [_field(kind.value_field)], "length": kind.list_size}
    if pa.types.is_list(kind):
        return {"type": "list", "fields": [_field(kind.value_field)]}
    if pa.types.is_timestamp(kind):
        return {"type": f"timestamp:{kind.unit}:{kind.tz or '-'}"}
    return {"type": NAMES.get(kind, "string")}
