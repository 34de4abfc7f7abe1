"""POST /v1/attribute: which training images influenced a picture, for one or many questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from ....store.errors import AttribaseError, InvalidInputError, TooLargeError, UnsupportedMediaTypeError
from ...attribution.answer import Answer, FailedQuestion
from ...attribution.answer_tables import flat_table
from ...attribution.attribute import answer_all, answer_each
from ...attribution.request import NamedImage, Question, Request
from ...session import Snapshot
from ..options import ServiceOptions
from ..pictures import check_image_size
from ..replies import AttributeReply, replies
from ..responses import ARROW, CSV, arrow_response, csv_response, json_response, negotiate_format
from ..schemas import (
    AttributeBody,
    AttributeOptions,
    Query,
    decode_base64_image,
    feature_vector,
    invalid_request,
    media_type,
    openapi_body,
    read_json,
)
from ..service import ServiceDep
from ..wording import http_words

router = APIRouter()

FORM = "multipart/form-data"

NAME = 200
"""Characters of the name of an uploaded file that its answer has."""


@router.post(
    "/v1/attribute",
    openapi_extra=openapi_body(AttributeBody, form=AttributeOptions),
    responses=replies(AttributeReply, tables=True),
    summary="Name the training images that influenced a picture",
)
async def attribute(request: HttpRequest, service: ServiceDep) -> Response:
    """Ranked images with similarity and influence, what remains, and whether the answer is complete.

    JSON, a form with one or more `image` files and the same fields, or the bytes of one picture with the
    fields in the address. The answer is JSON; by `Accept` an Arrow stream or CSV of one row an image.
    """
    fmt = negotiate_format(request)
    snapshot = service.snapshot
    queries, options, several = await read_queries(request)
    check_counts(len(queries), options, service.options)
    answers = _answer(snapshot, queries, options, service.options, several)
    if fmt == ARROW:
        return arrow_response(flat_table(answers))
    if fmt == CSV:
        return csv_response(flat_table(answers))
    values = [_in_http_words(answer.to_dict()) for answer in answers]
    return json_response({"answers": values} if several else values[0])


def _in_http_words(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with its notes, or its error's hint, as a client of the service can follow them."""
    if error := answer.get("error"):
        return answer | {"error": error | {"hint": http_words(error["hint"])}}
    return answer | {"notes": [http_words(note) for note in answer["notes"]]}


async def read_queries(request: HttpRequest) -> tuple[list[Query | NamedImage], AttributeOptions, bool]:
    """The questions, how to answer them, and whether the response is a list of answers."""
    kind = media_type(request)
    if kind == FORM:
        async with request.form(max_files=100, max_fields=100) as form:
            return await _read_form(form)
    if kind.startswith("image/"):
        options = _options(dict(request.query_params))
        return [NamedImage("", await request.body())], options, False
    if kind != "application/json":
        raise UnsupportedMediaTypeError(
            f"/v1/attribute does not read {kind[:100] or 'a body without a content type'}",
            hint=f"send application/json, {FORM} with an `image` file, or image/png with its bytes",
        )
    body = await read_json(request, AttributeBody)
    return list(body.all_queries()), body, body.queries is not None


async def _read_form(form: FormData) -> tuple[list[Query | NamedImage], AttributeOptions, bool]:
    """As `read_queries`. Fields of a form are text, so numbers are converted."""
    queries: list[Query | NamedImage] = []
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name != "image":
                raise InvalidInputError(f"there is no file field {name[:100]!r}", hint="call it `image`")
            queries.append(NamedImage(_file_name(value), await value.read()))
        elif name in fields:
            raise InvalidInputError(f"the field {name[:100]!r} is given twice", hint="give it once")
        else:
            fields[name] = value
    try:
        if "sample" in fields:
            queries.append(Query(sample=fields.pop("sample")))
    except ValidationError as error:
        raise invalid_request(error) from None
    options = _options(fields)
    if not queries:
        raise InvalidInputError(
            "the form has no `image` file and no `sample`", hint="curl -F image=@picture.png"
        )
    return queries, options, len(queries) > 1


def _options(fields: dict[str, Any]) -> AttributeOptions:
    """Fields of a form or an address, which are text; empty ones are left out. Raises InvalidInputError."""
    try:
        return AttributeOptions.model_validate({name: value for name, value in fields.items() if value != ""})
    except ValidationError as error:
        raise invalid_request(error) from None


def _file_name(file: UploadFile) -> str:
    """The name of an uploaded file without its folders; empty where the client sent none."""
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in name if char.isprintable())[:NAME]


def check_counts(count: int, options: AttributeOptions, limits: ServiceOptions) -> None:
    """Raise TooLargeError for more questions, candidates or images than the service handles at once."""
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


def _answer(
    snapshot: Snapshot,
    queries: Sequence[Query | NamedImage],
    options: AttributeOptions,
    limits: ServiceOptions,
    several: bool,
) -> Sequence[Answer | FailedQuestion]:
    """The answers; one of `several` questions that cannot be read is an error in its place."""
    request = as_request(options)
    if not several:
        return answer_all(snapshot, [as_question(query, limits.pixels) for query in queries], request)
    questions: list[Question | AttribaseError] = []
    for query in queries:
        try:
            questions.append(as_question(query, limits.pixels))
        except AttribaseError as error:
            questions.append(replace(query, error=error) if isinstance(query, NamedImage) else error)
    return answer_each(snapshot, questions, request)


def as_request(options: AttributeOptions) -> Request:
    """The request of these options; its questions name no file of this machine."""
    return Request(**{name: getattr(options, name) for name in AttributeOptions.model_fields}, files=False)


def as_question(query: Query | NamedImage, pixel_limit: int) -> Question:
    """A question of a request. Raises InvalidInputError, TooLargeError for a picture of too many pixels."""
    if isinstance(query, NamedImage):
        check_image_size(query.data, pixel_limit)
        return query if query.name else query.data
    if query.image is not None:
        data = decode_base64_image(query.image)
        check_image_size(data, pixel_limit)
        return data
    return query.sample if query.sample is not None else feature_vector(query.vector or [])
