"""The description of the addresses: bodies that handlers read themselves are described here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

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
