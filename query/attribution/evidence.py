"""How often answers like one were right, on test pictures whose true sources are known.

`query eval` measures it (evaluation/evidence.py): among test pictures with a top share, or a p_none, in the
same range, how often the most similar image was an exemplar of the picture's own model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...runtime.abstention import Abstention
from ...runtime.influence import PaperLaw

if TYPE_CHECKING:
    from ..catalog import Calibration
    from ..session import Snapshot

STRENGTHS = ((2 / 3, "strong"), (1 / 3, "moderate"), (0.1, "weak"), (0.0, "next to no"))
"""From which share of right answers on evidence is called what."""

FEWEST = 20
"""Test pictures that a range needs before anything is said of it; with fewer it is joined with the next."""

SHARE, P_NONE = "share", "p_none"

COLUMNS = ("basis", "low", "high", "pictures", "top_right", "pool_size", "mapper_digest", "law_digest")


@dataclass(frozen=True)
class Evidence:
    """What is known of answers like one.

    Attributes:
        line: all of it in words.
        strength: a word of STRENGTHS; None where too few pictures were measured, or none.
        right: the share of these pictures whose top image was a true source; None likewise.
        pictures: how many test pictures were measured in the range.
        basis: what the range is of: `share` or `p_none`; None where nothing was measured.
        low: the range begins here.
        high: and ends before this.
    """

    line: str
    strength: str | None = None
    right: float | None = None
    pictures: int = 0
    basis: str | None = None
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return dict(vars(self))


@dataclass(frozen=True)
class EvidenceBin:
    """Test pictures whose top share, or p_none, is in [low, high): how many, and how many were right."""

    low: float
    high: float
    pictures: int
    top_right: int

    def join(self, other: EvidenceBin) -> EvidenceBin:
        """Both ranges, which lie side by side, as one."""
        return EvidenceBin(
            min(self.low, other.low),
            max(self.high, other.high),
            self.pictures + other.pictures,
            self.top_right + other.top_right,
        )


def strength_of(right: float) -> str:
    """The word for evidence whose answers are right so often."""
    return next(word for least, word in STRENGTHS if right >= least)


def law_digest(law: Calibration | Abstention | None) -> str:
    """Of what decides shares or p_none: another one makes what was measured before it worthless."""
    if isinstance(law, Abstention):
        plain: Any = [law.mapper_digest, law.pool_digest, [one.model_id for one in law.models]]
    elif isinstance(law, PaperLaw):
        plain = [law.tau, law.lam]
    else:
        plain = law.to_json() if law else None
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


@dataclass(frozen=True)
class MeasuredEvidence:
    """What was measured of one encoder and mapper.

    Attributes:
        bins: by basis the ranges in order, of what is trained now.
        pool_size: how many images each test picture was compared with.
        unknown: why nothing is known of answers that are in no range, and what to do about it.
    """

    bins: Mapping[str, Sequence[EvidenceBin]]
    pool_size: int
    unknown: str

    @classmethod
    def read(cls, snapshot: Snapshot, encoder: str, mapper: str) -> MeasuredEvidence:
        """Of a store of an earlier version that cannot be written, which has no such table, nothing."""
        rows: list[dict[str, Any]] = []
        if "evidence" in snapshot.pinned.versions:
            rows = snapshot.cached(("evidence",), lambda: _read_rows(snapshot), "evidence")
        mine = [row for row in rows if (row["encoder"], row["mapper"]) == (encoder, mapper)]
        laws = {SHARE: snapshot.calibration(encoder, mapper), P_NONE: snapshot.abstention(encoder, mapper)[0]}
        now = {
            basis: (snapshot.mapper_digest(encoder, mapper), law_digest(law)) for basis, law in laws.items()
        }
        current = [row for row in mine if (row["mapper_digest"], row["law_digest"]) == now[row["basis"]]]
        bins: dict[str, list[EvidenceBin]] = {}
        for row in sorted(current, key=lambda row: row["low"]):
            one = EvidenceBin(row["low"], row["high"], row["pictures"], row["top_right"])
            bins.setdefault(row["basis"], []).append(one)
        command = f"attribase -s STORE query eval --encoder {encoder} --mapper {mapper}"
        if "test" not in model_splits(snapshot):
            why = "not known how often such answers are right: the store has no test models"
        elif not any(laws.values()):
            why = "not known how often such answers are right: there are no shares to measure it by"
        elif mine:
            why = f"how often such answers are right was measured before the last training: {command}"
        else:
            why = f"how often such answers are right was not measured yet: {command}"
        return cls(bins, mine[0]["pool_size"] if mine else 0, why)

    def of_answer(self, share: float | None, p_none: float | None, *, narrowed: bool = False) -> Evidence:
        """The weaker of what is known of such a top share and of such a p_none.

        `narrowed`: the question was asked of a part of the pool; test pictures were of all of it.
        """
        found = [
            self._describe(basis, joined, narrowed)
            for basis, value in ((SHARE, share), (P_NONE, p_none))
            if value is not None and (joined := _bin_of(value, self.bins.get(basis, ()), basis))
        ]
        known = [one for one in found if one.right is not None]
        if known:
            return min(known, key=lambda one: one.right or 0.0)
        return found[0] if found else Evidence(self.unknown)

    def _describe(self, basis: str, joined: EvidenceBin, narrowed: bool) -> Evidence:
        """The line of a range."""
        such = _range_text(basis, joined)
        if joined.pictures < FEWEST:
            pictures = f"only {joined.pictures} test pictures have {such}"
            line = f"{pictures}: too few to say how often answers are right"
            return Evidence(line, None, None, joined.pictures, basis, joined.low, joined.high)
        right = joined.top_right / joined.pictures
        strength = strength_of(right)
        among = f", among all {self.pool_size:,} images" if narrowed else ""
        line = (
            f"top image right in {_percent(right)} of {joined.pictures:,} test pictures with {such}{among}: "
            f"{strength} evidence"
        )
        return Evidence(line, strength, right, joined.pictures, basis, joined.low, joined.high)


def _bin_of(value: float, bins: Sequence[EvidenceBin], basis: str) -> EvidenceBin | None:
    """The range of `value`, joined with others until it has FEWEST pictures: first with weaker ones."""
    at = next((at for at, one in enumerate(bins) if value < one.high or at == len(bins) - 1), None)
    if at is None:
        return None
    joined = bins[at]
    weaker = list(reversed(bins[:at])) if basis == SHARE else list(bins[at + 1 :])
    stronger = list(bins[at + 1 :]) if basis == SHARE else list(reversed(bins[:at]))
    for other in (*weaker, *stronger):
        if joined.pictures >= FEWEST:
            break
        joined = joined.join(other)
    return joined


def _range_text(basis: str, bin_: EvidenceBin) -> str:
    show = _percent if basis == SHARE else "{:g}".format
    name = "a top share" if basis == SHARE else "a p_none"
    if bin_.low <= 0 and bin_.high >= 1:
        return f"any {name.removeprefix('a ')}"
    if bin_.low <= 0:
        return f"{name} below {show(bin_.high)}"
    if bin_.high >= 1:
        return f"{name} of {show(bin_.low)} or more"
    return f"{name} of {show(bin_.low)} to {show(bin_.high)}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if share < 0.1 else f"{100 * share:.0f}%"


def model_splits(snapshot: Snapshot) -> frozenset[str]:
    """The splits that the store has models of."""
    return snapshot.cached(
        ("splits",),
        lambda: frozenset(snapshot.pinned.read("models", ["split"])["split"].drop_null().to_pylist()),
        "models",
    )


def _read_rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = snapshot.pinned.read("evidence", ["encoder", "mapper", *COLUMNS]).to_pylist()
    return rows
