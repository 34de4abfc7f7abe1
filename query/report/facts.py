"""What a report tells, read once from the views: measured and published figures, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ...runtime.mapper import RAW
from ..sql.statements import load_sql

if TYPE_CHECKING:
    import duckdb

Rows = list[dict[str, Any]]

METRICS = {"recall_5": "R@5", "recall_10": "R@10", "recall_100": "R@100", "map": "mAP"}
"""The columns of Tables 3 and 4 of arXiv:2306.09345, in their order, and what a heading calls them."""

MAIN = "object+style"
"""What the paper calls its final mapper, trained on objects and styles."""

ALSO_CALLED = {"tuned": MAIN}
"""Names of mappers in the authors' released weights that the paper's tables name differently."""


class Space(NamedTuple):
    """A feature space: an encoder's features, raw (`none`) or mapped."""

    encoder: str
    mapper: str


class Place(NamedTuple):
    """Where a feature space is measured: a test case and the scheme of its prompts (may be '')."""

    case: str
    scheme: str


@dataclass(frozen=True)
class Score:
    """A mean over samples in [0, 1], and its 95% interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None

    def agrees(self, published: float) -> bool:
        """Whether it is the published figure, which has three decimals."""
        return abs(self.value - published) <= 0.0005 + 1e-9

    def holds(self, published: float) -> bool:
        """Whether the published figure is the same or lies in the interval."""
        if self.agrees(published):
            return True
        return self.low is not None and self.high is not None and self.low <= published <= self.high


@dataclass(frozen=True)
class Measured:
    """One feature space in one place; `models` counts different sets of exemplars, None when unknown."""

    samples: int
    models: int | None
    scores: dict[str, Score] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """What the store says of a case: what its models are of, and whether there are any to learn from."""

    kind: str | None
    trained: bool


@dataclass(frozen=True)
class Facts:
    """Everything that a page shows. `measured` is of `split`; `elsewhere` of the other splits."""

    split: str
    measured: dict[tuple[Space, Place], Measured]
    elsewhere: dict[str, dict[tuple[Space, Place], Measured]]
    published: dict[tuple[Space, Place], dict[str, float]]
    sources: dict[str, list[str]]
    """Where published figures are from, and the cases that each source has."""
    gains: Rows
    cases: dict[str, Case]
    waiting: dict[Place, int]
    """How many samples of `split` the store has in each place, measured or not."""
    spaces: Rows
    runs: Rows
    counts: dict[str, Any]

    def published_as(self, space: Space) -> Space | None:
        """The published feature space that `space` is compared with: of the same name, or also called so."""
        known = {name for name, _ in self.published}
        also = Space(space.encoder, ALSO_CALLED.get(space.mapper, space.mapper))
        return next((name for name in (space, also) if name in known), None)

    def encoders(self) -> list[str]:
        """Encoders with measured figures, those of the paper first, in its order."""
        published = list(dict.fromkeys(space.encoder for space, _ in self.published))
        mine = {space.encoder for space, _ in self.measured}
        return [name for name in published if name in mine] + sorted(mine - set(published))

    def mappers(self, encoder: str) -> list[str]:
        """Measured mappers of `encoder`: raw features, then those of the paper, then others by name."""
        mine = {space.mapper for space, _ in self.measured if space.encoder == encoder}
        paper = [space.mapper for space, _ in self.published if space.encoder == encoder]
        order = list(dict.fromkeys([RAW, *paper]))
        called = {name: ALSO_CALLED.get(name, name) for name in mine}
        last = len(order)
        return sorted(
            mine, key=lambda name: (order.index(called[name]) if called[name] in order else last, name)
        )

    def ordered_spaces(self) -> list[Space]:
        """Measured feature spaces in the order of the tables."""
        return [Space(encoder, mapper) for encoder in self.encoders() for mapper in self.mappers(encoder)]

    def places(self) -> list[Place]:
        """Measured places: those of the paper in its order, then the others by name."""
        paper = list(dict.fromkeys(place for _, place in self.published))
        mine = {place for _, place in self.measured}
        return [place for place in paper if place in mine] + sorted(mine - set(paper))

    def main_mapper(self, encoder: str) -> str | None:
        """The mapper that stands for `encoder` in plots: the paper's final one, else the newest."""
        mine = [name for name in self.mappers(encoder) if name != RAW]
        for name in mine:
            known = self.published_as(Space(encoder, name))
            if known is not None and known.mapper == MAIN:
                return name
        rows = [row for row in self.spaces if row["encoder"] == encoder and row["mapper"] in mine]
        newest = max((row for row in rows if row["created"]), key=lambda row: row["created"], default=None)
        return newest["mapper"] if newest else next(iter(mine), None)


def read_facts(con: duckdb.DuckDBPyConnection) -> Facts:
    """Read all that a report needs through `con`, which has the tables and views of a store."""
    splits = _by_split(_rows(con, "report_measured"))
    split = _main_split(splits)
    published = _rows(con, "report_published")
    cases = _rows(con, "report_cases")
    return Facts(
        split=split,
        measured=splits.pop(split, {}),
        elsewhere=splits,
        published={
            (Space(row["encoder"], row["mapper"]), Place(row["case_name"], row["scheme"])): {
                metric: row[metric] for metric in METRICS
            }
            for row in published
        },
        sources=_sources(published),
        gains=[row for row in _rows(con, "report_gains") if row["split"] == split],
        cases={row["case_name"]: Case(row["kind"], row["trained"]) for row in cases},
        waiting={
            Place(row["case_name"], row["scheme"]): row["samples"] for row in cases if row["split"] == split
        },
        spaces=_rows(con, "report_spaces"),
        runs=_rows(con, "report_runs"),
        counts=_rows(con, "counts")[0],
    )


def _rows(con: duckdb.DuckDBPyConnection, name: str) -> Rows:
    rows: Rows = con.sql(load_sql(name)).to_arrow_table().to_pylist()
    return rows


def _by_split(rows: Rows) -> dict[str, dict[tuple[Space, Place], Measured]]:
    found: dict[str, dict[tuple[Space, Place], Measured]] = {}
    for row in rows:
        key = Space(row["encoder"], row["mapper"]), Place(row["case_name"] or "", row["scheme"])
        cells = found.setdefault(row["split"], {})
        cell = cells.setdefault(key, Measured(row["samples"], row["models"]))
        cell.scores[row["metric"]] = Score(row["value"], row["low"], row["high"])
    return found


def _main_split(splits: Mapping[str, object]) -> str:
    """`test`, or the split that stands in for it where nothing is measured on test models."""
    return next((name for name in ("test", "", "val") if name in splits), min(splits, default="test"))


def _sources(published: Rows) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in published:
        cases = found.setdefault(row["source"], [])
        if row["case_name"] not in cases:
            cases.append(row["case_name"])
    return found
