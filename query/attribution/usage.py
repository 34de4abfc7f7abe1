"""What stored generated pictures owe to owners, together: mean influence with intervals over their models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.errors import ConflictError, InvalidInputError, NotFoundError
from ...store.jobs import Step
from ..sql.bootstrap import bounds, too_few
from .answer import Answer
from .attribute import answer_each
from .request import Request, check_owner_field

if TYPE_CHECKING:
    from ..session import Snapshot

STAGE = "owners"
AT_ONCE = 256
"""Samples that are answered in one scan of the pool."""

OWNERS_AT_ONCE = 256
"""Owners whose intervals are drawn together; the draws are the same for all."""

RESERVED = ("tdm", "opt-out")
"""The reservations that reserve something."""

Name = str | None
Sums = dict[tuple[int, Name], float]
"""By group of samples and owner, the influence of its samples' answers."""


@dataclass(frozen=True)
class SampleChoice:
    """Which stored samples count; None holds for all.

    Attributes:
        model: the model that drew them.
        since, until: when they were generated, in UTC without a zone, `since <= created < until`.
        samples: their ids or uris.
    """

    model: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    samples: tuple[str, ...] | None = None


@dataclass(frozen=True)
class OwnerUsage:
    """What the chosen samples owe to one owner; `name` is None for images of which the field is not known.

    Attributes:
        influence: its mean share over the samples.
        low, high: the 95% bootstrap interval of that mean; None for fewer than five models.
        samples: those in which the owner has any influence.
        owned: the owner's share of the pool's images.
    """

    name: Name
    influence: float
    low: float | None
    high: float | None
    samples: int
    owned: float


@dataclass(frozen=True)
class Usage:
    """The owners of what some samples owe, largest influence first.

    Attributes:
        by: the field that owners are named by.
        samples: that were answered.
        models: groups that intervals are drawn over: the samples of one model, or one sample without one.
        failed: samples that have neither a vector nor a picture.
        undated: samples that were left out, since nothing says when they were generated.
        null_share: the mean share of what is not in the pool.
        unclear: samples whose answer names no source (no clear source, none of these).
        incomplete: samples whose search could have missed influence.
        reserved: of `by` reservation, `tdm` and `opt-out` together; else None.
    """

    by: str
    encoder: str
    mapper: str
    owners: tuple[OwnerUsage, ...]
    samples: int
    models: int
    failed: int
    undated: int
    null_share: float
    unclear: int
    incomplete: int
    choice: SampleChoice = field(default_factory=SampleChoice)
    reserved: OwnerUsage | None = None

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, as JSON has them."""
        found = asdict(self)
        for name in ("since", "until"):
            moment = found["choice"][name]
            found["choice"][name] = moment.isoformat() if moment else None
        return found

    def remarks(self) -> list[str]:
        """What one should know beside the numbers, in sentences."""
        said = [f"{self.samples:,} samples of {self.models:,} models; {self.encoder}, mapper {self.mapper}"]
        if self.null_share:
            said.append(f"{self.null_share:.1%} of the influence is of nothing in the pool")
        if self.undated:
            said.append(f"left out: {self.undated:,} samples of which nothing says when they were generated")
        if self.failed:
            said.append(f"left out: {self.failed:,} samples with neither a vector nor a picture")
        if self.unclear:
            said.append(
                f"{self.unclear:,} samples have no clear source: their shares are only of the nearest"
            )
        if self.incomplete:
            said.append(f"{self.incomplete:,} samples were searched in part: see `unseen` of their answers")
        if too_few(self.models):
            said.append(f"no intervals, {too_few(self.models)}")
        return said


def owner_usage(
    snapshot: Snapshot,
    by: str,
    choice: SampleChoice | None = None,
    *,
    encoder: str | None = None,
    mapper: str | None = None,
    k: int | None = None,
) -> Usage:
    """The result of `usage_steps`."""
    steps = usage_steps(snapshot, by, choice, encoder=encoder, mapper=mapper, k=k)
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            usage: Usage = ended.value
            return usage


def usage_steps(
    snapshot: Snapshot,
    by: str,
    choice: SampleChoice | None = None,
    *,
    encoder: str | None = None,
    mapper: str | None = None,
    k: int | None = None,
) -> Generator[Step, None, Usage]:
    """What the chosen samples owe to the owners `by` a field; a step each few hundred samples.

    Shares are summed over the whole pool, as `influence_by` does for one sample; the mean is over samples.
    Intervals resample models, since samples of one model are not independent. `k`: so many owners, those
    with the largest influence; all when left out.

    Raises:
        InvalidInputError: a field that owners cannot be named by, or a time range that is empty.
        NotFoundError: no sample is chosen, or no such model, encoder or mapper.
        ConflictError: nothing is calibrated, so there are no shares.
    """
    check_owner_field(by)
    choice = choice or SampleChoice()
    chosen, undated = _choose(snapshot, choice)
    request = Request(encoder=encoder, mapper=mapper, k=1, by=by, files=False, details=False)
    groups = _groups(chosen)
    tally = _Tally(groups)
    ids = chosen["sample_id"].to_pylist()
    yield Step(STAGE, 0, len(ids))
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        for sample, answer in zip(some, answer_each(snapshot, some, request), strict=True):
            tally.add(sample, answer)
        yield Step(STAGE, min(start + AT_ONCE, len(ids)), len(ids))
    return tally.usage(by, choice, undated, k)


def _choose(snapshot: Snapshot, choice: SampleChoice) -> tuple[pa.Table, int]:
    """`sample_id` and `model_id` of the chosen samples, and how many were left out without a time."""
    if choice.since and choice.until and choice.since >= choice.until:
        raise InvalidInputError(
            f"no time is from {choice.since} on and before {choice.until}", hint="give the earlier time first"
        )
    rows = snapshot.pinned.read("samples", ["sample_id", "model_id", "created", "uri"])
    if choice.model is not None:
        rows = rows.filter(pc.equal(rows["model_id"], choice.model))
    if choice.samples is not None:
        named = pa.array(choice.samples, pa.string())
        rows = rows.filter(pc.or_kleene(pc.is_in(rows["sample_id"], named), pc.is_in(rows["uri"], named)))
    undated = 0
    if choice.since or choice.until:
        undated = rows["created"].null_count
        rows = rows.filter(pc.is_valid(rows["created"]))
    if choice.since:
        rows = rows.filter(pc.greater_equal(rows["created"], pa.scalar(choice.since, pa.timestamp("us"))))
    if choice.until:
        rows = rows.filter(pc.less(rows["created"], pa.scalar(choice.until, pa.timestamp("us"))))
    if not rows.num_rows:
        left_out = f"; of {undated:,} nothing says when they were generated" if undated else ""
        raise NotFoundError(
            f"no stored sample is meant by this{left_out}",
            hint='list them: attribase -s STORE query sql "select sample_id, model_id, created from samples"',
        )
    return rows.sort_by("sample_id"), undated


def _groups(chosen: pa.Table) -> Mapping[str, int]:
    """By sample, the number of its group: its model, or itself where it has none; in order of their names."""
    names = [
        ("model", row["model_id"]) if row["model_id"] else ("sample", row["sample_id"])
        for row in chosen.select(["sample_id", "model_id"]).to_pylist()
    ]
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    return {
        sample: numbers[name] for sample, name in zip(chosen["sample_id"].to_pylist(), names, strict=True)
    }


class _Tally:
    """Sums of influence by group and owner, over answers that are forgotten."""

    def __init__(self, groups: Mapping[str, int]) -> None:
        self._groups = groups
        self._counts: dict[int, int] = defaultdict(int)
        self._sums: Sums = defaultdict(float)
        self._with: dict[Name, int] = defaultdict(int)
        self._owned: dict[Name, float] = {}
        self._failed = self._unclear = self._incomplete = self._reserved = 0
        self._null = 0.0
        self._features = ("", "")

    def add(self, sample: str, answer: Answer | object) -> None:
        """Count one answer. Raises ConflictError for one without shares of influence."""
        if not isinstance(answer, Answer):
            self._failed += 1
            return
        if answer.law is None:
            raise ConflictError(
                f"nothing is calibrated for {answer.encoder} and mapper {answer.mapper}: there are no shares",
                hint=f"attribase -s STORE train calibration --encoder {answer.encoder}",
            )
        group = self._groups[sample]
        self._counts[group] += 1
        self._null += answer.null_share or 0.0
        self._unclear += answer.state != "shares"
        self._incomplete += not answer.complete
        self._features = answer.encoder, answer.mapper
        for share in answer.shares:
            self._sums[group, share.name] += share.influence or 0.0
            self._with[share.name] += bool(share.influence)
            self._owned[share.name] = share.owned
        self._reserved += any(share.influence and share.name in RESERVED for share in answer.shares)

    def usage(self, by: str, choice: SampleChoice, undated: int, k: int | None) -> Usage:
        """The owners with their means and intervals."""
        samples = sum(self._counts.values())
        if not samples:
            raise NotFoundError(
                "none of the chosen samples has a vector or a picture",
                hint="embed them: attribase -s STORE ingest embed",
            )
        means: dict[Name, float] = dict.fromkeys(self._owned, 0.0)
        for (_, name), value in self._sums.items():
            means[name] += value / samples
        names = sorted(means, key=lambda name: (-means[name], name is None, name or ""))[:k]
        encoder, mapper = self._features
        return Usage(
            by=by,
            encoder=encoder,
            mapper=mapper,
            owners=tuple(self._owners(names, means)),
            samples=samples,
            models=len(self._counts),
            failed=self._failed,
            undated=undated,
            null_share=self._null / samples,
            unclear=self._unclear,
            incomplete=self._incomplete,
            choice=choice,
            reserved=self._together() if by == "reservation" else None,
        )

    def _together(self) -> OwnerUsage:
        """The owners RESERVED as one."""
        order = sorted(self._counts)
        counts = np.array([self._counts[group] for group in order], np.int64)
        sums = np.array([[sum(self._sums.get((group, name), 0.0) for name in RESERVED)] for group in order])
        low, high = _ends(sums, counts)
        return OwnerUsage(
            name=" or ".join(RESERVED),
            influence=float(sums.sum() / counts.sum()),
            low=None if low is None else float(low[0]),
            high=None if high is None else float(high[0]),
            samples=self._reserved,
            owned=sum(self._owned.get(name, 0.0) for name in RESERVED),
        )

    def _owners(self, names: Sequence[Name], means: Mapping[Name, float]) -> Iterable[OwnerUsage]:
        order = sorted(self._counts)
        counts = np.array([self._counts[group] for group in order], np.int64)
        for start in range(0, len(names), OWNERS_AT_ONCE):
            some = names[start : start + OWNERS_AT_ONCE]
            sums = np.array([[self._sums.get((group, name), 0.0) for name in some] for group in order])
            low, high = _ends(sums, counts)
            for at, name in enumerate(some):
                yield OwnerUsage(
                    name=name,
                    influence=means[name],
                    low=None if low is None else float(low[at]),
                    high=None if high is None else float(high[at]),
                    samples=self._with[name],
                    owned=self._owned[name],
                )


def _ends(
    sums: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """The ends of the intervals of (groups, owners); None for fewer groups than intervals need."""
    return (None, None) if too_few(len(counts)) else bounds(sums, counts)
