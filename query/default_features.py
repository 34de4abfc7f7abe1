"""The encoder and mapper that answer where none is named: those that measured best on validation models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ..runtime.mapper import RAW
from .catalog import choose_encoder, choose_mapper, encoders, trained_mappers
from .features import Pinned

DEPTH = 10
"""The K of the Recall@K by which pairs are compared."""

TABLES = ("encoders", "mappers", "calibrations", "runs", "ranks")
"""What the choice depends on, beside which tables of vectors there are."""

RUN_COLUMNS = (
    "run_number",
    "run_id",
    "encoder",
    "mapper",
    "case_name",
    "scheme",
    "split",
    "samples",
    "started",
)

FeaturePair = tuple[str, str]
"""An encoder and a mapper, `none` for raw features."""


@dataclass(frozen=True)
class ChosenFeatures:
    """An encoder and a mapper; `note` says why, where neither was named and others were measured too."""

    encoder: str
    mapper: str
    note: str | None = None


def choose_features(pinned: Pinned, encoder: str | None = None, mapper: str | None = None) -> ChosenFeatures:
    """The encoder and mapper to answer with.

    What is left out is chosen by mean Recall@10 on val models, among the pairs that are calibrated where any
    is. Where nothing was measured on val it is the newest mapper and its encoder, and the first encoder by
    name where there is no mapper.

    Raises:
        NotFoundError: an encoder or mapper that the store has not, or no vectors at all.
    """
    if encoder is not None and mapper is not None:
        known = choose_encoder(pinned, encoder)
        return ChosenFeatures(known, choose_mapper(pinned, known, mapper))
    pairs = _candidates(pinned, encoder, mapper)
    measured = {pair: recall for pair, recall in measure_on_val(pinned).items() if pair in pairs}
    if measured:
        best = max(measured, key=lambda pair: (measured[pair], -pairs.index(pair)))
        return ChosenFeatures(*best, _reason(best, measured) if encoder is mapper is None else None)
    if encoder is None and mapper is not None and pairs:
        return ChosenFeatures(*pairs[0])
    newest = choose_encoder(pinned, encoder)
    return ChosenFeatures(newest, choose_mapper(pinned, newest, mapper))


def _candidates(pinned: Pinned, encoder: str | None, mapper: str | None) -> list[FeaturePair]:
    """The pairs with these names, newest mapper first, raw features last; only calibrated ones if any is."""
    known = encoders(pinned)
    trained = [(row["encoder"], row["mapper"]) for row in trained_mappers(pinned)]
    pairs = [
        pair
        for pair in (*trained, *((name, RAW) for name in known))
        if pair[0] in known and encoder in (None, pair[0]) and mapper in (None, pair[1])
    ]
    rows = pinned.read("calibrations", ["encoder", "mapper"]).to_pylist()
    calibrated = {(row["encoder"], row["mapper"]) for row in rows}
    return [pair for pair in pairs if pair in calibrated] or pairs


def _reason(best: FeaturePair, measured: Mapping[FeaturePair, float]) -> str | None:
    if len(measured) == 1:
        return None
    encoder, mapper = best
    features = f"{encoder}, without a mapper" if mapper == RAW else f"{encoder} and the mapper {mapper}"
    return (
        f"answered with {features}, the best of {len(measured)} on validation models "
        f"(Recall@{DEPTH} {100 * measured[best]:.1f}%)"
    )


def measure_on_val(pinned: Pinned) -> dict[FeaturePair, float]:
    """Recall@10 on val models of each pair, the mean over cases and prompt schemes.

    Only pairs that were measured on the most cases and schemes are compared.
    """
    recall = _recall_of_rows(pinned)
    most = max((len(rows) for rows in recall.values()), default=0)
    return {pair: float(np.mean(list(rows.values()))) for pair, rows in recall.items() if len(rows) == most}


def _recall_of_rows(pinned: Pinned) -> dict[FeaturePair, dict[tuple[str, str], float]]:
    """By pair, case and scheme: Recall@10 over the samples of the run that was started last."""
    runs = _latest_val_runs(pinned)
    if not runs:
        return {}
    numbers = [row["run_number"] for row in runs]
    near = (pc.field("rank") <= DEPTH) & pc.field("run_number").isin(numbers)
    found = (
        pinned.dataset("ranks").scanner(columns=["run_number", "exemplars"], filter=near).to_table()
    )  # an exemplar a row
    share = pc.divide(1.0, found["exemplars"].cast("double"))
    sums = found.append_column("share", share).group_by("run_number").aggregate([("share", "sum")])
    of_run = dict(zip(sums["run_number"].to_pylist(), sums["share_sum"].to_pylist(), strict=True))
    recall: dict[FeaturePair, dict[tuple[str, str], float]] = {}
    for row in runs:
        rows = recall.setdefault((row["encoder"], row["mapper"]), {})
        rows[row["case_name"], row["scheme"]] = of_run.get(row["run_number"], 0.0) / row["samples"]
    return recall


def _latest_val_runs(pinned: Pinned) -> Sequence[dict[str, Any]]:
    """The finished run that was started last for each pair, case and scheme, as the view `latest_runs`."""
    if not {"runs", "ranks"} <= set(pinned.tables()):
        return []
    columns = pinned.dataset("runs").schema.names
    if not set(RUN_COLUMNS) <= set(columns):  # a store of an earlier version that cannot be written
        return []
    rows = [row for row in pinned.read("runs", RUN_COLUMNS).to_pylist() if row["split"] == "val"]
    rows = [row for row in rows if row["run_number"] is not None and row["samples"]]
    rows.sort(key=lambda row: row["run_id"], reverse=True)
    rows.sort(key=lambda row: row["started"])
    latest = {(row["encoder"], row["mapper"], row["case_name"], row["scheme"]): row for row in rows}
    return list(latest.values())
