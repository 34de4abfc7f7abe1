"""POST /v1/evidence: an answer as a signed pack, a zip file."""

from __future__ import annotations

import re

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from starlette.responses import Response

from ....store.errors import ForbiddenError, InvalidInputError, TooLargeError
from ...attribution.request import NamedImage
from ..evidence import PACKED
from ..replies import packed_replies
from ..schemas import AttributeBody, AttributeOptions, openapi_body
from ..service import ServiceDep
from .attribute import as_question, as_request, check_counts, read_queries

router = APIRouter()

ZIP = "application/zip"
OTHER = re.compile(r"[^A-Za-z0-9_-]+")
"""What is no part of the name of a file that is sent."""


@router.post(
    "/v1/evidence",
    openapi_extra=openapi_body(AttributeBody, form=AttributeOptions),
    responses=packed_replies(ZIP),
    summary="Get the answer as a signed pack, to hand out",
)
async def evidence(request: HttpRequest, service: ServiceDep) -> Response:
    """The answer to one question, with the picture, its rights and how it came about, signed by the service.

    The body is that of /v1/attribute with one question: a picture, or a stored sample. What comes back is a
    zip file that `attribase verify` checks. `evidence` of /v1/info has the fingerprint of the key that signs;
    a service without a key answers 403.
    """
    if service.packs is None:
        raise ForbiddenError(
            "this service signs no evidence",
            hint="it was started without --evidence-key; attribase query evidence makes packs too",
        )
    queries, options, several = await read_queries(request)
    if several:
        raise InvalidInputError("a pack is of one question", hint="ask for a pack of each")
    check_counts(1, options, service.options)
    if options.k > PACKED:
        raise TooLargeError(f"{options.k:,} images in a pack", hint=f"ask for at most {PACKED:,}")
    question = as_question(queries[0], service.options.pixels)
    data = service.packs.make(service.snapshot, question, as_request(options))
    name = OTHER.sub("-", question.name.rpartition(".")[0]) if isinstance(question, NamedImage) else ""
    headers = {"content-disposition": f'attachment; filename="{(name.strip("-") or "evidence")[:60]}.zip"'}
    return Response(data, media_type=ZIP, headers=headers)
