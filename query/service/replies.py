"""What the service answers, as OpenAPI describes it. The fields of an answer are those of `Answer` itself."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from ..attribution import answer as answers
from .responses import ARROW, CSV

STATUSES = {
    "4XX": "Refused: what is wrong with the request.",
    "5XX": "A fault of the service, or it is busy.",
}


class Reply(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(Reply):
    """What failed, what to do next, and the HTTP status."""

    message: str
    hint: str
    status: int


class ErrorReply(Reply):
    """Any answer that is not 200."""

    error: ErrorDetail


class FailedReply(Reply):
    """One of several questions that has no answer, in its place."""

    query: str
    error: ErrorDetail


if TYPE_CHECKING:
    AnswerReply = BaseModel
else:
    AnswerReply = create_model(
        "AnswerReply",
        __base__=Reply,
        __module__=answers.__name__,  # where the names in the annotations mean something
        __doc__="One answer; its fields are described in docs/service.md.",
        **{one.name: (one.type, Field()) for one in fields(answers.Answer) if one.repr},
        limits=(list[str], Field()),
    )


class AnswersReply(Reply):
    """The answers of several questions, in their order."""

    answers: list[AnswerReply | FailedReply]


class AttributeReply(RootModel[AnswerReply | AnswersReply]):
    """An answer; the list of them where several questions were asked."""


class SqlReply(Reply):
    """The rows of a statement, each a list in the order of `columns`."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    truncated: bool


class IndexInfo(Reply):
    """An index: how many images are in it, and its measured recall."""

    kind: str | None
    rows: int | None
    recall_10: float | None
    recall_100: float | None
    milliseconds: float | None


class EncoderInfo(Reply):
    """An encoder with its mappers; `none` is its raw features."""

    encoder: str
    dim: int
    mappers: list[str]
    calibrated: list[str]
    index: dict[str, IndexInfo]


class CollectionInfo(Reply):
    """A collection and how many images are members of it."""

    collection: str
    images: int


class InfoReply(Reply):
    """What the store holds, and which software serves it.

    `format` is that of the store's files, `fields` are what images are listed by, `owners` what influence is
    summed by. `clusters`: copies were found (`fold`). `evidence`: the fingerprint of the key of packs, which
    have at most `evidence_images`.
    """

    model_config = ConfigDict(extra="allow")

    name: str
    version: str
    software: str
    format: int
    encoders: list[EncoderInfo]
    text_encoders: list[str]
    fields: list[str]
    owners: list[str]
    clusters: bool
    collections: list[CollectionInfo]
    counts: dict[str, int]
    sql: bool
    evidence: str | None
    evidence_images: int


class MetricsRow(BaseModel):
    """Metrics of one encoder, mapper, case and scheme: means over samples."""

    model_config = ConfigDict(extra="allow")

    encoder: str
    mapper: str
    case_name: str | None
    scheme: str | None
    split: str | None
    samples: int
    recall_5: float | None
    recall_10: float | None
    recall_100: float | None
    map: float | None
    pool_size: int | None
    intervals: dict[str, list[float | None]] | None = None


class MetricsReply(Reply):
    """The rows of the view `metrics`."""

    rows: list[MetricsRow]


def packed_replies(media_type: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with a file of this type, and errors."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    found: dict[int | str, dict[str, Any]] = {200: {"description": "The file.", "content": content}}
    return found | {
        status: {"model": ErrorReply, "description": description} for status, description in STATUSES.items()
    }


def replies(model: type[BaseModel], *, tables: bool = False) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: `model` as JSON, with `tables` also Arrow and CSV, and errors."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    content = {ARROW: binary, CSV: {"schema": {"type": "string"}}} if tables else {}
    found: dict[int | str, dict[str, Any]] = {
        200: {"model": model, "description": model.__doc__ or "", "content": content}
    }
    for status, description in STATUSES.items():
        found[status] = {"model": ErrorReply, "description": description}
    return found
