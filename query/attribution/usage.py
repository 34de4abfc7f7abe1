"""What stored generated pictures owe to owners, together: mean influence with intervals over their models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.errors import ConflictError, InvalidInputError, NotFoundError
from ...store.jobs import Step, result_of
from ..sql.bootstrap import bounds, too_few
from .answer import Answer
from .attribute import answer_all
from .request import Request, check_owner_field
from .usage_result import RESERVED, Name, OwnerUsage, SampleChoice, Usage

if TYPE_CHECKING:
    from ..session import Snapshot

STAGE = "owners"
AT_ONCE = 256
"""Samples that are answered in one scan of the pool."""

OWNERS_AT_ONCE = 256
"""Owners whose intervals are drawn together; the draws are the same for all."""

Sums = dict[tuple[int, Name], float]
"""By group of samples and owner, the influence of its samples' answers."""


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
    return result_of(usage_steps(snapshot, by, choice, encoder=encoder, mapper=mapper, k=k))


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
        tally.add(*_answers(snapshot, some, request))
        yield Step(STAGE, min(start + AT_ONCE, len(ids)), len(ids))
    return tally.usage(by, choice, undated, k)


def _answers(snapshot: Snapshot, samples: list[str], request: Request) -> tuple[list[str], list[Answer], int]:
    """Those of the samples that have a vector, their answers, and how many others there are."""
    space = snapshot.space(request.encoder, request.mapper)
    there = np.flatnonzero(np.isfinite(space.sample_vectors(samples)).all(axis=1))
    asked = [samples[at] for at in there]
    return asked, answer_all(snapshot, asked, request) if asked else [], len(samples) - len(asked)


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
            f"no stored sample matches{left_out}",
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

    def add(self, samples: Sequence[str], answers: Sequence[Answer], failed: int) -> None:
        """Count answers, and samples without one. Raises ConflictError where there are no shares."""
        self._failed += failed
        for sample, answer in zip(samples, answers, strict=True):
            self._add(sample, answer)

    def _add(self, sample: str, answer: Answer) -> None:
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
                "none of the chosen samples has a vector",
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
            not_known=means.get(None, 0.0) if by == "reservation" else None,
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
