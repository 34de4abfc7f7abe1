"""Schemas of request bodies, how they are read, and how OpenAPI shows them.

Bodies are read strictly: "10" is no number, and an unknown field is an error.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from fastapi import Request
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from ...store.errors import InvalidInputError, TooLargeError, UnsupportedMediaTypeError
from ..attribution.request import OWNER_FIELDS
from ..image_fields import METADATA_FIELD
from .errors import format_validation_errors

SCHEMA_REF = "#/components/schemas/{model}"

MAX_ITEMS = 2_000_000
"""Commas and opening brackets of a JSON body: about its numbers and texts."""

MAX_FIELDS = 20_000
"""Colons of a JSON body: about the fields of its objects. Validation remembers each that does not fit."""

Name = Annotated[str, Field(min_length=1, max_length=200)]
Condition = Annotated[str, Field(max_length=10_000)]
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
OwnerField = Annotated[
    str,
    Field(
        pattern=rf"^({'|'.join(OWNER_FIELDS)}|{re.escape(METADATA_FIELD)}.+)$",
        max_length=200,
        examples=["creator", "metadata.artist"],
    ),
]
EncodedImage = Annotated[str | None, Field(description="An encoded image (PNG, JPEG, ...) in base64.")]
SampleName = Annotated[
    Annotated[str, Field(min_length=1, max_length=4000)] | None,
    Field(description="A stored sample's id or uri."),
]
RawFeature = Annotated[
    Annotated[list[FiniteFloat], Field(min_length=1, max_length=65_536, fail_fast=True)] | None,
    Field(
        description="A generated image's raw feature as its encoder gives it, neither mapped nor normalised."
    ),
]
M = TypeVar("M", bound=BaseModel)


class Query(BaseModel):
    """One question: exactly one of an image, a stored sample, or an encoder's raw feature."""

    model_config = ConfigDict(extra="forbid")

    image: EncodedImage = None
    sample: SampleName = None
    vector: RawFeature = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Query:
        if [self.image, self.sample, self.vector].count(None) != 2:
            raise ValueError("give one of `image`, `sample` and `vector`")
        return self


class AttributeOptions(BaseModel):
    """How questions are answered; the defaults are those of the command line."""

    model_config = ConfigDict(extra="forbid")

    encoder: Name | None = None
    mapper: Name | None = Field(
        None, description="A mapper, or `none` for raw features; the newest when left out."
    )
    k: Count = Field(10, description="How many images to name.")
    pool: Literal["all", "gallery"] = Field(
        "all", description="The gallery and every exemplar, or the gallery alone."
    )
    where: Condition | None = Field(None, description="A condition over images and members: `creator = 'x'`.")
    by: OwnerField | None = Field(
        None,
        description=f"Also sum influence by this: {', '.join(f'`{name}`' for name in OWNER_FIELDS)}, or "
        "`metadata.NAME` for a field of the images' metadata.",
    )
    dedup: Annotated[FiniteFloat, Field(gt=0, le=1)] | None = Field(
        None, description="Images at least this similar are copies of one picture."
    )
    fold: bool = Field(
        False,
        description="Copies of one work, as `attribase cluster` found them, share a place; not with `dedup`.",
    )
    method: Literal["auto", "index", "exact"] = "auto"
    alpha: Annotated[FiniteFloat, Field(gt=0, lt=1)] | None = Field(
        None, description="The level of `attributed` and of the set that holds the exemplars: 0.1."
    )
    kind: Name | None = Field(
        None, description="The concept kind of the picture's model, if known, or `all`: decides `p_none`."
    )
    at: Name | None = Field(
        None, description="The store as it was: a tag, a moment, or the state that an answer names."
    )
    limit: Count = Field(10_000, description="The most candidates that a search by index looks at.")


class AttributeBody(AttributeOptions):
    """One question (`image`, `sample` or `vector`), or several as `queries`."""

    image: EncodedImage = None
    sample: SampleName = None
    vector: RawFeature = None
    queries: Annotated[list[Query], Field(min_length=1, fail_fast=True)] | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> AttributeBody:
        if [self.image, self.sample, self.vector, self.queries].count(None) != 3:
            raise ValueError("give one of `image`, `sample`, `vector` and `queries`")
        return self

    def all_queries(self) -> list[Query]:
        """The questions, also where there is only one."""
        if self.queries is not None:
            return self.queries
        return [Query.model_construct(image=self.image, sample=self.sample, vector=self.vector)]


class SqlBody(BaseModel):
    """One SELECT statement with its values."""

    model_config = ConfigDict(extra="forbid")

    sql: Annotated[str, Field(min_length=1, max_length=100_000)]
    params: dict[str, Any] | list[Any] | None = Field(None, description="Values of `$name`, or of each `?`.")
    max_rows: Count | None = Field(
        None, description="The most rows to return; with more, `truncated` is true."
    )


async def read_json(request: Request, model: type[M]) -> M:
    """The body as `model`. Raises UnsupportedMediaTypeError for other content types, InvalidInputError."""
    kind = media_type(request)
    if kind != "application/json":
        raise UnsupportedMediaTypeError(
            f"{request.url.path} does not read {kind[:100] or 'a body without a content type'}",
            hint="send content-type: application/json",
        )
    return parse_json(model, await request.body())


def media_type(request: Request) -> str:
    """The content type of the body without its parameters, in lower case; empty where there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_json(model: type[M], body: bytes) -> M:
    """JSON text as `model`. Raises InvalidInputError, TooLargeError for more items or fields than fit."""
    check_json_size(body)
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid_request(error) from None


def check_json_size(body: bytes) -> None:
    """Raise TooLargeError for JSON of too many items or fields, counted without parsing it.

    What is in texts counts too, so this is an upper bound.
    """
    items = body.count(b",") + body.count(b"[") + body.count(b"{")
    fields = body.count(b":")
    if items > MAX_ITEMS:
        raise TooLargeError(f"JSON of {items:,} items", hint=f"it may have {MAX_ITEMS:,}: send fewer at once")
    if fields > MAX_FIELDS:
        raise TooLargeError(
            f"JSON of {fields:,} fields", hint=f"it may have {MAX_FIELDS:,}: send fewer at once"
        )


def invalid_request(error: ValidationError) -> InvalidInputError:
    """The error that names the fields that do not fit, without repeating the input."""
    details = [dict(one) for one in error.errors(include_url=False, include_input=False)]
    return InvalidInputError(format_validation_errors(details), hint="the fields are described at /docs")


def decode_base64_image(text: str) -> bytes:
    """The bytes of an image in base64, also of a `data:` URL. Raises InvalidInputError."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInputError(
            "the image is no base64", hint="encode the file's bytes, without line breaks"
        ) from None


def feature_vector(numbers: list[float]) -> NDArray[np.float32]:
    """(dim,) float32. Raises InvalidInputError for numbers that float32 cannot hold, or only zeros."""
    with np.errstate(over="ignore"):
        vector = np.asarray(numbers, np.float32)
    if not np.isfinite(vector).all():
        raise InvalidInputError(
            "a number of the vector is too large for float32", hint="send the encoder's feature"
        )
    if not vector.any():
        raise InvalidInputError(
            "the vector is all zeros: it has no direction", hint="send the encoder's feature"
        )
    return vector


def openapi_body(model: type[BaseModel], form: type[BaseModel] | None = None) -> dict[str, Any]:
    """The `requestBody` of an operation: JSON of `model`, or a form of `image` files and `form`'s fields."""
    schema = {"$ref": SCHEMA_REF.format(model=model.__name__)}
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if form is not None:
        fields = form.model_json_schema(ref_template=SCHEMA_REF)["properties"]
        files = {"type": "array", "items": {"type": "string", "format": "binary"}}
        sample = {"type": "string", "description": "A stored sample's id or uri."}
        properties = {"image": files, "sample": sample, **fields}
        content["multipart/form-data"] = {"schema": {"type": "object", "properties": properties}}
        content["image/*"] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": content}}
