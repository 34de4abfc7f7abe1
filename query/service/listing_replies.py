"""What the lists of images and samples answer, as OpenAPI describes it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from .replies import Reply


class ImageRow(BaseModel):
    """A stored image without its bytes and metadata: the columns of `images`."""

    model_config = ConfigDict(extra="allow")

    image_id: str
    uri: str | None
    caption: str | None
    category: str | None
    creator: str | None
    license: str | None
    width: int | None
    height: int | None


class ImagesReply(Reply):
    """One page of the images that the conditions hold for, in the order of their ids.

    `total` is how many there are, `before` how many of them come before the page.
    """

    total: int
    before: int
    images: list[ImageRow]


class SampleRow(Reply):
    """A stored sample with what its model was made from; one from elsewhere has no model."""

    sample_id: str
    uri: str | None
    prompt: str | None
    scheme: str | None
    model_id: str | None
    concept: str | None
    case_name: str | None
    split: str | None
    exemplar_ids: list[str] | None


class SamplesReply(Reply):
    """One page of the samples that the conditions hold for; `total` is how many there are.

    `before` is how many of them come before the page.
    """

    total: int
    before: int
    samples: list[SampleRow]


class ValueRow(Reply):
    """A value, and how many images, samples or models have it."""

    value: str
    count: int


class ValuesReply(Reply):
    """The values of a field, the most frequent first.

    `total` is how many values there are, `unknown` how many images, samples or models have none.
    """

    field: str
    total: int
    unknown: int
    values: list[ValueRow]
