"""The measurements of the report, read from the store: recall, controls, calibration, median samples."""

from collections.abc import Mapping
from typing import Any

from ..query import (
    Features,
    PairedRow,
    compare_control,
    compare_features,
    connect,
    influence_table,
    load_sql,
    measure_calibration,
)
from ..query.evaluation.abstention import AbstentionRow, abstention_table
from ..query.evaluation.calibration_error import CalibrationMeasurement
from ..runtime.mapper import RAW
from ..store import Store
from .settings import DemoSettings

Rows = list[dict[str, Any]]


def recall_rows(store: Store, settings: DemoSettings, metric: str = "recall_10") -> Rows:
    """One row a test case and scheme: every compared feature with its interval, and two gains.

    Means in [0, 1]; intervals are 95% bootstrap over models, `NAME_low` and `NAME_high`, None
    for fewer than five. `best_gain` and `several_gain` are over the paper's recipe on the same samples. The
    last row is the mean of the others.
    """
    with connect(store.uri) as con:
        estimates = {
            (row["case_name"], row["scheme"], row["encoder"], row["mapper"]): row
            for row in _interval_rows(con, metric)
        }
        gains = {
            name: compare_features(con, settings.paper, features, metric=metric)
            for name, features in (("best", settings.best), ("several", settings.joint))
        }
    rows = []
    for best, several in zip(gains["best"], gains["several"], strict=True):
        row: dict[str, Any] = {"case": best.case_name, "scheme": best.scheme, "models": best.models}
        row |= {"samples": best.samples} | _gain("best", best) | _gain("several", several)
        for name, features in settings.compared.items():
            key = (best.case_name, best.scheme, features.encoder, features.mapper)
            if found := estimates.get(key):
                row |= _with_interval(name, found["estimate"], found)
        rows.append(row)
    for name in settings.compared:
        rows[-1][name] = sum(row[name] for row in rows[:-1]) / len(rows[:-1])
    return rows


def control_rows(store: Store, encoder: str) -> Rows:
    """Per case, raw features: Recall@10 of samples with V*, of controls without it, and by chance."""
    gallery = store.count("members", "collection = 'gallery'")
    with connect(store.uri) as con:
        comparisons = compare_control(con, encoder, RAW)
    return [
        {
            "case": found.case_name,
            "with V*": found.second_mean,
            "untouched base": found.first_mean,
            "chance": 10 / (gallery + 1),
            "difference": found.difference.estimate,
            "low": found.difference.low,
            "high": found.difference.high,
            "models": found.difference.groups,
        }
        for found in comparisons
    ]


def calibrations(store: Store, settings: DemoSettings) -> dict[Features, CalibrationMeasurement]:
    """The calibration of test samples, by one encoder and by several, both with the best recipe."""
    return {
        features: measure_calibration(store, features.encoder, features.mapper)
        for features in (settings.best, settings.joint)
    }


def calibration_rows(
    store: Store, settings: DemoSettings, measurements: Mapping[Features, CalibrationMeasurement]
) -> Rows:
    """Per features, case and kind, test samples: shares against the truth, before and after calibration."""
    rows = []
    for features, measured in measurements.items():
        influence = {row.case_name: row for row in influence_table(store, features.encoder, features.mapper)}
        for row in measured.rows():
            shares = influence.get(row.case_name or "")
            rows.append(
                {
                    "features": "one encoder" if features == settings.best else "several",
                    "case": row.case_name,
                    "kind": row.kind,
                    "chance": shares and shares.chance,
                    "influence before": shares and shares.influence_before,
                    "influence after": shares and shares.influence_after,
                    "null": row.null_share,
                    "null without exemplars": row.null_share_of_nulls,
                    "ECE before": row.ece_before,
                    "ECE after": row.ece_after,
                    "Brier before": row.brier_before,
                    "Brier after": row.brier_after,
                    "KL before": row.kl_before,
                    "KL after": row.kl_after,
                }
            )
    return rows


def abstention_rows(store: Store, settings: DemoSettings) -> list[AbstentionRow]:
    """False attributions, power and the set for the features of the report's answers, test models."""
    return abstention_table(store, settings.joint.encoder, settings.joint.mapper)


def median_samples(store: Store, features: Features) -> Rows:
    """The test models of each case, best AP with `features` first, each with its sample of median AP.

    Rows of the query `models_by_precision`.
    """
    params = {"encoder": features.encoder, "mapper": features.mapper}
    with connect(store.uri) as con:
        rows: Rows = con.sql(load_sql("models_by_precision"), params=params).to_arrow_table().to_pylist()
    return rows


def _interval_rows(con: Any, metric: str) -> Rows:
    """The rows of the view `intervals` for one metric, test models."""
    rows: Rows = con.table("intervals").to_arrow_table().to_pylist()
    return [row for row in rows if (row["metric"], row["split"]) == (metric, "test")]


def _gain(name: str, row: PairedRow) -> dict[str, Any]:
    """The gain over the paper's recipe, its interval and the ratio."""
    return {
        f"{name}_gain": row.difference,
        f"{name}_gain_low": row.low,
        f"{name}_gain_high": row.high,
        f"{name}_ratio": row.ratio,
    }


def _with_interval(name: str, value: float, row: dict[str, Any]) -> dict[str, float | None]:
    """`value` and the ends of its interval, which are None for fewer than five models."""
    return {name: value, f"{name}_low": row["low"], f"{name}_high": row["high"]}
