"""What LanceDB's client sends. A field that this service does not know is refused, not passed over."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

Vector = Annotated[list[FiniteFloat], Field(max_length=65_536)]
Place = Annotated[int, Field(ge=0, le=2**63 - 1)]

IGNORED = ("nprobes", "minimum_nprobes", "maximum_nprobes", "refine_factor", "ef", "fast_search", "use_index")
"""How deep an index is searched was measured when it was built; new rows are always searched."""


class Versioned(BaseModel):
    """A request about one version of a table; null is the newest."""

    model_config = ConfigDict(extra="ignore")

    version: Annotated[int, Field(ge=1, le=2**62)] | None = None


class CountBody(Versioned):
    """Count the rows where a condition holds."""

    model_config = ConfigDict(extra="forbid")

    predicate: Annotated[str, Field(max_length=10_000)] | None = None


class TagBody(BaseModel):
    """Ask for the version of a tag."""

    tag: Annotated[str, Field(max_length=200)]


class QueryBody(Versioned):
    """A search by one or several vectors, or rows by a condition where `vector` is empty."""

    model_config = ConfigDict(extra="allow")

    vector: Vector | Annotated[list[Annotated[Vector, Field(min_length=1)]], Field(max_length=1000)] = []
    k: Place = 10
    offset: Place | None = None
    vector_column: Annotated[str, Field(max_length=200)] | None = None
    distance_type: Annotated[str, Field(max_length=20)] | None = None
    columns: list[str] | dict[str, str] | None = None
    filter: Annotated[str, Field(max_length=10_000)] | None = None
    prefilter: bool | None = True
    lower_bound: FiniteFloat | None = None
    upper_bound: FiniteFloat | None = None
    bypass_vector_index: bool | None = None
    with_row_id: bool | None = None

    @model_validator(mode="after")
    def _known(self) -> QueryBody:
        more: dict[str, Any] = self.model_extra or {}
        unknown = [
            name for name, value in more.items() if name not in IGNORED and value not in (None, [], {}, False)
        ]
        if unknown:
            raise ValueError(f"{', '.join(unknown)[:200]} cannot be answered here")
        return self

    def vectors(self) -> list[list[float]]:
        """The query vectors; none where rows are asked for by a condition."""
        if not self.vector:
            return []
        return self.vector if isinstance(self.vector[0], list) else [self.vector]

    @property
    def several(self) -> bool:
        """Whether the answer says which query each row belongs to."""
        return bool(self.vector) and isinstance(self.vector[0], list)
