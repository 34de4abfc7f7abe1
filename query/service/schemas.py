"""Request bodies: what they may hold, read strictly and in one pass."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from ...store.errors import InvalidInputError, UnsupportedMediaTypeError
from .errors import described

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=10_000)]
Whole = Annotated[int, Field(ge=1, le=2**31 - 1)]
M = TypeVar("M", bound=BaseModel)


ImageText = Annotated[str | None, Field(description="An encoded image (PNG, JPEG, ...) in base64.")]
SampleName = Annotated[
    Annotated[str, Field(min_length=1, max_length=4000)] | None,
    Field(description="A stored sample's id or uri."),
]
Feature = Annotated[
    Annotated[list[FiniteFloat], Field(min_length=1, max_length=65_536)] | None,
    Field(
        description="A generated image's raw feature as its encoder gives it, neither mapped nor normalised."
    ),
]


class Query(BaseModel):
    """One question: exactly one of an image, a stored sample, or an encoder's raw feature."""

    model_config = ConfigDict(extra="forbid")

    image: ImageText = None
    sample: SampleName = None
    vector: Feature = None

    @model_validator(mode="after")
    def _one(self) -> Query:
        if len(self.given()) != 1:
            raise ValueError("give one of `image`, `sample` and `vector`")
        return self

    def given(self) -> list[str]:
        """Which of the three there are."""
        return [name for name in ("image", "sample", "vector") if getattr(self, name) is not None]


class AttributeOptions(BaseModel):
    """How questions are to be answered; the defaults are the command line's."""

    model_config = ConfigDict(extra="forbid")

    encoder: Name | None = None
    mapper: Name | None = Field(
        None, description="A mapper, or `none` for raw features; the newest when left out."
    )
    k: Whole = Field(10, description="How many images to name.")
    pool: Literal["all", "gallery"] = Field(
        "all", description="The gallery and every exemplar, or the gallery alone."
    )
    where: Text | None = Field(None, description="A condition over images and members: `creator = 'x'`.")
    by: Literal["creator", "license", "collection", "category"] | None = Field(
        None, description="Also sum influence by this."
    )
    dedup: Annotated[FiniteFloat, Field(gt=0, le=1)] | None = Field(
        None, description="Images at least this similar are copies of one picture."
    )
    method: Literal["auto", "index", "exact"] = "auto"
    limit: Whole = Field(10_000, description="The most candidates that a search by index looks at.")


class AttributeBody(AttributeOptions):
    """One question (`image`, `sample` or `vector`), or several as `queries`."""

    image: ImageText = None
    sample: SampleName = None
    vector: Feature = None
    queries: Annotated[list[Query], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_or_several(self) -> AttributeBody:
        single = [name for name in ("image", "sample", "vector") if getattr(self, name) is not None]
        if len(single) + (self.queries is not None) != 1:
            raise ValueError("give one of `image`, `sample`, `vector` and `queries`")
        return self

    def asked(self) -> list[Query]:
        """The questions."""
        if self.queries is not None:
            return self.queries
        return [Query.model_construct(image=self.image, sample=self.sample, vector=self.vector)]


class SqlBody(BaseModel):
    """One SELECT statement with its values."""

    model_config = ConfigDict(extra="forbid")

    sql: Annotated[str, Field(min_length=1, max_length=100_000)]
    params: dict[str, Any] | list[Any] | None = Field(None, description="Values of `$name`, or of each `?`.")
    max_rows: Whole | None = Field(None, description="Rows to answer; what is beyond is cut, and told.")


async def read_json(request: Request, model: type[M]) -> M:
    """The body as `model`. Raises UnsupportedMediaTypeError for other content types, InvalidInputError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaTypeError(
            f"{request.url.path} does not read {kind[:100] or 'a body without a content type'}",
            hint="send content-type: application/json",
        )
    return validated(model, await request.body())


def validated(model: type[M], body: bytes) -> M:
    """JSON text as `model`, types taken as they are: "10" is no number. Raises InvalidInputError."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise refused(error) from None


def refused(error: ValidationError) -> InvalidInputError:
    """The error that tells what does not fit, without repeating the input."""
    said = described([dict(one) for one in error.errors(include_url=False, include_input=False)])
    return InvalidInputError(said, hint="the fields are described at /docs")


def image_bytes(text: str) -> bytes:
    """An image in base64, also as a `data:` URL. Raises InvalidInputError."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInputError(
            "the image is no base64", hint="encode the file's bytes, without line breaks"
        ) from None


def feature(numbers: list[float]) -> NDArray[np.float32]:
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


REF = "#/components/schemas/{model}"


def body_of(model: type[BaseModel], form: type[BaseModel] | None = None) -> dict[str, Any]:
    """What an operation says of its body: JSON of `model`, or a form of `image` files and `form`'s fields."""
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": REF.format(model=model.__name__)}}}
    if form is not None:
        fields = form.model_json_schema(ref_template=REF)["properties"]
        files = {"type": "array", "items": {"type": "string", "format": "binary"}}
        sample = {"type": "string", "description": "A stored sample's id or uri."}
        properties = {"image": files, "sample": sample, **fields}
        content["multipart/form-data"] = {"schema": {"type": "object", "properties": properties}}
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI, models: Sequence[type[BaseModel]]) -> None:
    """Make `app.openapi()` the whole description; `models` are the bodies that handlers read themselves."""

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            said = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            parts = said.setdefault("components", {})
            schemas = parts.setdefault("schemas", {})
            for model in models:
                schema = model.model_json_schema(ref_template=REF)
                schemas |= schema.pop("$defs", {})
                schemas[model.__name__] = schema
            parts["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            }
            said["security"] = [{"bearer": []}, {"key": []}]
            app.openapi_schema = said
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]
