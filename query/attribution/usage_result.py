"""What some generated pictures owe to owners: which pictures, each owner's share, and what was left out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from ..sql.bootstrap import too_few

RESERVED = ("tdm", "opt-out")
"""The reservations that reserve something."""

Name = str | None


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
        failed: samples that have no vector.
        undated: samples that were left out, since nothing says when they were generated.
        null_share: the mean share of what is not in the pool.
        unclear: samples whose answer names no source (no clear source, none of these).
        incomplete: samples whose search could have missed influence.
        reserved: of `by` reservation, `tdm` and `opt-out` together; else None.
        not_known: of `by` reservation, the mean share of images whose reservation is not known; else None.
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
    not_known: float | None = None

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
            said.append(f"left out: {self.failed:,} samples without a vector")
        if self.unclear:
            said.append(
                f"{self.unclear:,} samples have no clear source: their shares are only of the nearest"
            )
        if self.incomplete:
            said.append(f"{self.incomplete:,} samples were searched in part: see `unseen` of their answers")
        if too_few(self.models):
            said.append(f"no intervals, {too_few(self.models)}")
        return said
