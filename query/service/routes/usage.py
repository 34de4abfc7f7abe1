"""GET /v1/usage: what stored generated pictures owe to owners, together, in a time range or of a model."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from ....store.errors import TooLargeError
from ....store.jobs import Step
from ...attribution.usage import usage_steps
from ...attribution.usage_result import SampleChoice, Usage
from ...cache import SharedCache
from ..replies import Reply, replies
from ..responses import json_response
from ..schemas import OwnerField
from ..service import ServiceDep

router = APIRouter()

MOST_SAMPLES = 1000
"""That are asked about at once: on one core each takes about 14 ms (3,970 features, 5,192 images)."""

KEPT: SharedCache[Usage] = SharedCache(64)
"""The newest answers by store, its versions and what was asked: a client may name any time range."""

Moment = Annotated[datetime | None, Query(description="A date or a moment; in UTC where it names no zone.")]


class OwnerUsageReply(Reply):
    """What the samples owe to one owner: the mean share, its interval, and the share of the pool."""

    name: str | None
    influence: float
    low: float | None
    high: float | None
    samples: int
    owned: float


class ChoiceReply(Reply):
    """Which samples were chosen; null holds for all."""

    model: str | None
    since: str | None
    until: str | None
    samples: list[str] | None


class UsageReply(Reply):
    """Owners of what the samples owe, largest influence first, and what else is to be known of the samples.

    `reserved`: of `by` reservation, tdm and opt-out together. `remarks` says what was left out, in sentences.
    """

    by: str
    encoder: str
    mapper: str
    owners: list[OwnerUsageReply]
    samples: int
    models: int
    failed: int
    undated: int
    null_share: float
    unclear: int
    incomplete: int
    choice: ChoiceReply
    reserved: OwnerUsageReply | None
    not_known: float | None
    remarks: list[str]


@router.get("/v1/usage", responses=replies(UsageReply), summary="What stored samples owe to owners, together")
async def usage(
    service: ServiceDep,
    by: Annotated[OwnerField, Query(description="As of /v1/attribute.")] = "reservation",
    since: Moment = None,
    until: Moment = None,
    model: Annotated[str | None, Query(max_length=500, description="A model_id.")] = None,
    encoder: Annotated[str | None, Query(max_length=200)] = None,
    mapper: Annotated[str | None, Query(max_length=200)] = None,
    k: Annotated[int | None, Query(ge=1, le=10_000, description="Owners, at most.")] = 100,
) -> Response:
    """The mean influence of each owner over the samples with `since <= created < until`, with intervals."""
    snapshot = service.snapshot
    choice = SampleChoice(model, _utc(since), _utc(until))

    def read() -> Usage:
        return _bounded(usage_steps(snapshot, by, choice, encoder=encoder, mapper=mapper, k=k))

    state = snapshot.store.uri, *sorted(snapshot.pinned.versions.items())
    found = KEPT.get((state, by, choice, encoder, mapper, k), read)
    return json_response({**found.to_dict(), "remarks": found.remarks()})


def _bounded(steps: Generator[Step, None, Usage]) -> Usage:
    """The usage at the end of the steps. Raises TooLargeError for more samples than MOST_SAMPLES."""
    while True:
        try:
            total = next(steps).total
        except StopIteration as ended:
            usage: Usage = ended.value
            return usage
        if total is not None and total > MOST_SAMPLES:
            raise TooLargeError(
                f"{total:,} samples at once",
                hint=f"choose at most {MOST_SAMPLES:,} by since, until and model; "
                "the command `attribase query owners` and its page take any number",
            )


def _utc(moment: datetime | None) -> datetime | None:
    """The moment in UTC, without a zone, as samples have it."""
    if moment is None or moment.tzinfo is None:
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None)
