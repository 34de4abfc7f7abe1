"""GET /v1/images, /v1/samples, /v1/values: images and samples of the store, filtered, by pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from ..field_values import IMAGE_FIELDS, SAMPLE_FIELDS, field_values
from ..listing import ImageFilter, Place, image_page
from ..listing_replies import ImagesReply, SamplesReply, ValuesReply
from ..replies import replies
from ..responses import json_response
from ..samples import SampleFilter, sample_page, stored_samples
from ..service import ServiceDep

router = APIRouter()

Filter = Annotated[str | None, Query(max_length=500)]
if TYPE_CHECKING:
    ImageFieldName: TypeAlias = str
    FieldName: TypeAlias = str
else:
    ImageFieldName = Literal[tuple(IMAGE_FIELDS)]
    FieldName = Literal[(*IMAGE_FIELDS, *SAMPLE_FIELDS)]


def place(
    after: Annotated[str | None, Query(max_length=4000, description="Those that follow this id.")] = None,
    before: Annotated[str | None, Query(max_length=4000, description="The last before this id.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Place:
    """Where the page is."""
    return Place(after, before, limit)


def image_filter(
    collection: Filter = None,
    creator: Filter = None,
    rights_holder: Filter = None,
    license: Filter = None,  # noqa: A002
    reservation: Filter = None,
    source: Filter = None,
    category: Filter = None,
    unknown: Annotated[
        list[ImageFieldName] | None, Query(description="Fields that must have no value; may be repeated.")
    ] = None,
    role: Annotated[
        Literal["gallery", "exemplar"] | None,
        Query(description="Images of the gallery, or those that a model was trained on."),
    ] = None,
    q: Annotated[str | None, Query(max_length=500, description="Text in the caption or the uri.")] = None,
    where: Annotated[str | None, Query(max_length=10_000, description="As of /v1/attribute.")] = None,
) -> ImageFilter:
    """Which images; all of what is given must hold."""
    given = locals()
    return ImageFilter({name: given[name] for name in IMAGE_FIELDS}, tuple(unknown or ()), role, q, where)


@router.get("/v1/images", responses=replies(ImagesReply), summary="Browse stored training images")
async def images(
    service: ServiceDep,
    wanted: Annotated[ImageFilter, Depends(image_filter)],
    at: Annotated[Place, Depends(place)],
) -> Response:
    """Those that all of the given conditions hold for, in the order of their ids."""
    return json_response(image_page(service.snapshot, wanted, at))


@router.get("/v1/samples", responses=replies(SamplesReply), summary="Browse stored generated images")
async def samples(
    service: ServiceDep,
    at: Annotated[Place, Depends(place)],
    case: Filter = None,
    scheme: Filter = None,
    split: Filter = None,
    model: Filter = None,
    exemplar: Annotated[
        str | None, Query(max_length=500, description="An image that the sample's model was trained on.")
    ] = None,
    q: Annotated[str | None, Query(max_length=500, description="Text in the prompt or the uri.")] = None,
    offset: Annotated[int, Query(ge=0, le=2**31, description="Of a page without `after` and `before`.")] = 0,
) -> Response:
    """Those that all of the given conditions hold for, in the order they were stored.

    With `after` or `before` (`after=` is the first page) they are in the order of their ids: a page then
    takes the same time wherever it is.
    """
    wanted = SampleFilter({"case_name": case, "split": split, "model_id": model}, scheme, q, exemplar)
    if at.after is None and at.before is None:
        return json_response(stored_samples(service.snapshot, wanted, offset, at.limit))
    return json_response(sample_page(service.snapshot, wanted, at))


@router.get(
    "/v1/values", responses=replies(ValuesReply), summary="The values of a field of images or samples"
)
async def values(
    service: ServiceDep,
    field: Annotated[FieldName, Query(description="Of images, or of samples and their models.")],
    q: Annotated[str, Query(max_length=500, description="Text in the value.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """The most frequent first, each with how many images, samples or (case, split) models have it."""
    found = field_values(service.snapshot, field).listed(q, limit)
    return json_response({"field": field, **found})
