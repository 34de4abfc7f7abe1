"""POST /v1/attribute: which training images made this picture, for one or many questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from ....store.errors import InvalidInputError, TooLargeError, UnsupportedMediaTypeError
from ...attribution import request as asking
from ...attribution.answer import Answer, flat_table
from ...attribution.attribute import answer_all
from ...session import Snapshot
from ..options import ServiceOptions
from ..responses import ARROW, arrow_response, json_response, wanted_format
from ..schemas import (
    AttributeBody,
    AttributeOptions,
    Query,
    body_of,
    feature,
    image_bytes,
    read_json,
    refused,
)
from ..service import Service, the_service
from ..thumbnails import check_pixels

router = APIRouter()

FORM = "multipart/form-data"


@router.post(
    "/v1/attribute",
    openapi_extra=body_of(AttributeBody, form=AttributeOptions),
    summary="Name the training images that influenced a picture",
)
async def attribute(request: Request, service: Annotated[Service, Depends(the_service)]) -> Response:
    """Ranked images with similarity and influence, what remains, and whether the answer is complete.

    JSON, or a form with one or more `image` files and the same fields. The answer is JSON, or with
    `Accept: application/vnd.apache.arrow.stream` an Arrow stream of one row an image.
    """
    fmt = wanted_format(request)
    snapshot = service.snapshot
    questions, options, several = await _asked(request)
    _check_size(len(questions), options, service.options)

    def answered() -> Response:
        said = _answers(snapshot, questions, options, service.options)
        if fmt == ARROW:
            return arrow_response(flat_table(said))
        plain = [answer.to_dict() for answer in said]
        return json_response({"answers": plain} if several else plain[0])

    return await service.answers.run(answered)


async def _asked(request: Request) -> tuple[list[Query | bytes], AttributeOptions, bool]:
    """The questions, how to answer them, and whether they were asked as several."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        async with request.form(max_files=100, max_fields=100) as form:
            return await _from_form(form)
    if kind != "application/json":
        raise UnsupportedMediaTypeError(
            f"/v1/attribute does not read {kind[:100] or 'a body without a content type'}",
            hint=f"send application/json, or {FORM} with an `image` file",
        )
    body = await read_json(request, AttributeBody)
    return list(body.asked()), body, body.queries is not None


async def _from_form(form: FormData) -> tuple[list[Query | bytes], AttributeOptions, bool]:
    """As `_asked`. Fields are text, so numbers are read from it."""
    questions: list[Query | bytes] = []
    given: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name != "image":
                raise InvalidInputError(f"there is no file field {name[:100]!r}", hint="call it `image`")
            questions.append(await value.read())
        elif name in given:
            raise InvalidInputError(f"the field {name[:100]!r} is given twice", hint="give it once")
        else:
            given[name] = value
    try:
        if "sample" in given:
            questions.append(Query(sample=given.pop("sample")))
        options = AttributeOptions.model_validate(
            {name: value for name, value in given.items() if value != ""}
        )
    except ValidationError as error:
        raise refused(error) from None
    if not questions:
        raise InvalidInputError(
            "the form has no `image` file and no `sample`", hint="curl -F image=@picture.png"
        )
    return questions, options, len(questions) > 1


def _check_size(count: int, options: AttributeOptions, limits: ServiceOptions) -> None:
    if count > limits.queries:
        raise TooLargeError(f"{count:,} questions at once", hint=f"ask at most {limits.queries:,}")
    if options.limit > limits.candidates:
        raise TooLargeError(
            f"a limit of {options.limit:,} candidates",
            hint=f"it may be {limits.candidates:,}; or search exactly",
        )
    if count * options.k > max(limits.images, limits.rows if count > 1 else 0):
        raise TooLargeError(
            f"{count * options.k:,} images in one answer",
            hint=f"ask for at most {limits.images:,} of one question",
        )


def _answers(
    snapshot: Snapshot, queries: Sequence[Query | bytes], options: AttributeOptions, limits: ServiceOptions
) -> list[Answer]:
    fields = {name: getattr(options, name) for name in AttributeOptions.model_fields}
    questions = [_question(query, limits.pixels) for query in queries]
    return answer_all(snapshot, questions, asking.Request(**fields, files=False))


def _question(query: Query | bytes, pixels: int) -> asking.Question:
    if isinstance(query, bytes) or query.image is not None:
        data = query if isinstance(query, bytes) else image_bytes(query.image or "")
        check_pixels(data, pixels)
        return data
    return query.sample if query.sample is not None else feature(query.vector or [])
