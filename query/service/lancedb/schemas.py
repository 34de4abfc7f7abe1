"""Request bodies of LanceDB's client, and table schemas as it reads them.

A field that this service does not know is an error, so that no option is silently ignored.
"""

from __future__ import annotations

from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from ...sql_dataset import SqlDataset

Vector = Annotated[list[FiniteFloat], Field(max_length=65_536, fail_fast=True)]
Vectors = Annotated[list[Annotated[Vector, Field(min_length=1)]], Field(max_length=1000, fail_fast=True)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]

INDEX_HINTS = (
    "nprobes",
    "minimum_nprobes",
    "maximum_nprobes",
    "refine_factor",
    "ef",
    "fast_search",
    "use_index",
)
"""Ignored: how deep an index is searched was measured when it was built, and new rows are always searched."""

TYPE_NAMES = {
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


class Versioned(BaseModel):
    """A request about one version of a table; null is the newest."""

    model_config = ConfigDict(extra="ignore")

    version: Annotated[int, Field(ge=1, le=2**62)] | None = None


class CountBody(Versioned):
    """Count the rows that a filter holds for."""

    model_config = ConfigDict(extra="forbid")

    predicate: Annotated[str, Field(max_length=10_000)] | None = None


class TagBody(BaseModel):
    """Ask for the version of a tag."""

    tag: Annotated[str, Field(max_length=200)]


class QueryBody(Versioned):
    """A search by one or several vectors, or rows by a filter where `vector` is empty."""

    model_config = ConfigDict(extra="allow")

    vector: Vector | Vectors = []
    k: Count = 10
    offset: Count | None = None
    vector_column: Annotated[str, Field(max_length=200)] | None = None
    distance_type: Annotated[str, Field(max_length=20)] | None = None
    columns: Annotated[list[str], Field(fail_fast=True)] | dict[str, str] | None = None
    filter: Annotated[str, Field(max_length=10_000)] | None = None
    prefilter: bool | None = True
    lower_bound: FiniteFloat | None = None
    upper_bound: FiniteFloat | None = None
    bypass_vector_index: bool | None = None
    with_row_id: bool | None = None

    @model_validator(mode="after")
    def _check_unknown_fields(self) -> QueryBody:
        extra: dict[str, Any] = self.model_extra or {}
        unknown = [
            name
            for name, value in extra.items()
            if name not in INDEX_HINTS and value not in (None, [], {}, False)
        ]
        if unknown:
            raise ValueError(f"{', '.join(unknown)[:200]} cannot be answered here")
        return self

    def vectors(self) -> list[list[float]]:
        """The query vectors; none where rows are read by a filter."""
        if not self.vector:
            return []
        return self.vector if isinstance(self.vector[0], list) else [self.vector]

    @property
    def is_batch(self) -> bool:
        """Whether the response says which query each row belongs to."""
        return bool(self.vector) and isinstance(self.vector[0], list)


def readable_schema(dataset: Any) -> pa.Schema:
    """The columns of a table that clients can read: all but blobs, as in SQL."""
    return pa.schema(
        [
            pa.field(field.name, field.type, nullable=dataset.schema.field(field.name).nullable)
            for field in SqlDataset(dataset).schema
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
    return {"type": TYPE_NAMES.get(kind, "string")}
