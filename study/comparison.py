"""Two states of attribution compared: what got better or worse on the same models, by features and cases."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ..query import Features, connect
from ..query.evaluation.paired_tests import PairedTest, paired_tests
from ..query.evaluation.significance import by_group, read_samples
from ..query.time_travel import At
from ..store import NotFoundError, Store
from .folder import StudyFolder

BETTER, WORSE, OPEN, UNTESTED = "better", "worse", "no difference shown", "too few models"
"""The verdicts on a difference: it holds, to the worse or the better; it does not; or it was not tested."""

KEYS = ("encoder", "mapper", "concept_kind", "case_name", "exemplar_set")
"""What a model is known by in both states: its exemplars, with the features and the case."""


@dataclass(frozen=True)
class State:
    """A store at one moment.

    Attributes:
        name: as it was asked for.
        uri: of the store.
        at: a tag or a moment; None for now.
        features: only these; None for all.
    """

    name: str
    uri: str
    at: At = None
    features: tuple[Features, ...] | None = None

    @classmethod
    def find(cls, text: str) -> State:
        """The folder of a study, at the versions that its last run pinned; `STORE`; or `STORE@TAG`.

        Raises NotFoundError for a study that did not run to the end, and for what is no store.
        """
        folder = StudyFolder(Path(text))
        if folder.record_file.exists():
            record = folder.read_record()
            return cls(text, folder.store_uri(record), record.tag, record.features)
        if not Path(text).exists() and "@" in text:
            uri, _, at = text.rpartition("@")
            return cls(text, Store.open(uri).uri, at)
        return cls(text, Store.open(text).uri)


@dataclass(frozen=True)
class Change:
    """One encoder and mapper in both states, on the models of a group of cases.

    Attributes:
        group: 'object', 'style', 'other' for models of no known kind, or 'all'.
        test: how far the second state is above the first, over models.
    """

    group: str
    features: Features
    test: PairedTest

    @property
    def verdict(self) -> str:
        """BETTER or WORSE where the difference holds, else OPEN or UNTESTED."""
        if self.test.holds is None:
            return UNTESTED
        if not self.test.holds:
            return OPEN
        return BETTER if self.test.difference > 0 else WORSE

    def to_dict(self) -> dict[str, Any]:
        """The row of a table."""
        names = ("difference", "low", "high", "effect", "p", "adjusted")
        about = {"group": self.group, "encoder": self.features.encoder, "mapper": self.features.mapper}
        means = {"models": self.test.models, "first": self.test.first, "second": self.test.second}
        return about | means | {name: getattr(self.test, name) for name in names} | {"verdict": self.verdict}


@dataclass(frozen=True)
class StateComparison:
    """All changes between two states, and what could not be compared.

    Attributes:
        changes: a row for each of the features and groups.
        only_first, only_second: features that one state alone has.
        unpaired: models, by features and case, that one state alone ranked.
    """

    changes: tuple[Change, ...]
    only_first: tuple[Features, ...]
    only_second: tuple[Features, ...]
    unpaired: int

    def count(self, verdict: str) -> int:
        """How many changes have a verdict."""
        return sum(change.verdict == verdict for change in self.changes)


def compare_states(
    first: State,
    second: State,
    *,
    split: str = "test",
    metric: str = "recall_10",
    cases: Collection[str] | None = None,
) -> StateComparison:
    """How far the second state is above the first, by features and groups of cases, corrected for all rows.

    A model is paired by the set of its exemplars within its case, and counts by the mean of its samples; so
    the states may have other samples, other customized models, galleries or encoders of the same name.

    Args:
        first: what the other is compared with.
        second: that of which the gain is shown.
        split: of the models.
        metric: `recall_5`, `recall_10`, `recall_100` or `ap`.
        cases: only these; None for all.

    Raises:
        InvalidInputError: an unknown metric.
        NotFoundError: no store, tag or moment, or nothing that both ranked; a case or split that one of them
            did not rank, which lists those that it did.
    """
    means = [_model_means(state, split, metric, cases) for state in (first, second)]
    known = [_features(one) for one in means]
    paired = means[0].join(means[1].rename({"value": "other"}), on=KEYS)
    if paired.is_empty():
        asked = f"the split {split!r}" + (f" and the cases {', '.join(cases)}" if cases else "")
        raise NotFoundError(
            f"{first.name} and {second.name} have no models of {asked} in common",
            hint="rank the same models with the same encoders in both: attribase -s STORE query eval",
        )
    found, pairs = [], []
    for (encoder, mapper), own in paired.group_by("encoder", "mapper", maintain_order=True):
        for group, values in by_group(own):
            found.append((group, Features(str(encoder), str(mapper))))
            pairs.append(values)
    changes = (Change(*names, test) for names, test in zip(found, paired_tests(pairs), strict=True))
    common = set(known[0]) & set(known[1])
    return StateComparison(
        changes=tuple(changes),
        only_first=tuple(one for one in known[0] if one not in common),
        only_second=tuple(one for one in known[1] if one not in common),
        unpaired=sum(_rows_of(one, common) for one in means) - 2 * len(paired),
    )


def _model_means(state: State, split: str, metric: str, cases: Collection[str] | None) -> pl.DataFrame:
    """A row a model and features: KEYS and `value`, the mean of its samples."""
    with connect(state.uri, state.at) as con:
        samples = read_samples(con, split, metric, cases)
    means = samples.group_by(KEYS).agg(pl.col("value").mean()).sort(KEYS)
    if state.features is None:
        return means
    wanted = pl.DataFrame(
        [(one.encoder, one.mapper) for one in state.features],
        schema={"encoder": pl.String, "mapper": pl.String},
        orient="row",
    )
    return means.join(wanted, on=["encoder", "mapper"], how="semi")


def _features(means: pl.DataFrame) -> list[Features]:
    rows = means.select("encoder", "mapper").unique(maintain_order=True).rows()
    return [Features(encoder, mapper) for encoder, mapper in rows]


def _rows_of(means: pl.DataFrame, features: Collection[Features]) -> int:
    return sum(
        Features(encoder, mapper) in features for encoder, mapper in means.select("encoder", "mapper").rows()
    )
