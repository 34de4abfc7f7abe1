"""The measurements of the report, read from the store: recall, controls, calibration, median samples."""

from typing import Any

from ..query import compare_control, connect, influence_table, load_sql
from ..runtime.mapper import RAW
from ..store import Store
from .settings import PAPERS_RECIPE, TUNED, UNREGULARISED

Rows = list[dict[str, Any]]
COMPARED = (PAPERS_RECIPE, UNREGULARISED)


def recall_rows(store: Store, encoder: str, metric: str = "recall_10") -> Rows:
    """One row a test case and scheme: raw and mapped with intervals, and their difference with its interval.

    Means in [0, 1]; intervals are 95% bootstrap over sets of exemplars, `low` and `high`.
    """
    with connect(store.uri) as con:
        estimates = {
            (row["case_name"], row["scheme"], row["mapper"]): row
            for row in _view_rows(con, "intervals", encoder, metric)
        }
        gains = {
            (row["case_name"], row["scheme"]): row
            for row in _view_rows(con, "differences", encoder, metric)
            if (row["first"], row["second"]) == (RAW, TUNED)
        }
    rows = []
    for case, scheme in sorted({key[:2] for key in estimates}):
        raw, mapped, gain = estimates[case, scheme, RAW], estimates[case, scheme, TUNED], gains[case, scheme]
        rows.append(
            {
                "case": case,
                "scheme": scheme,
                "models": raw["models"],
                "samples": raw["samples"],
                **_with_interval("raw", raw["estimate"], raw),
                **_with_interval("mapped", mapped["estimate"], mapped),
                **_with_interval("gain", gain["difference"], gain),
                **{name: estimates[case, scheme, name]["estimate"] for name in COMPARED},
            }
        )
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
        }
        for found in comparisons
    ]


def calibration_rows(store: Store, encoder: str) -> Rows:
    """Per mapper and case, test samples: influence on the exemplars, KL of eq. 5, before and after."""
    fitted = {
        row["mapper"]: row
        for row in store.read("calibrations", ["encoder", "mapper", "tau", "lambda"]).to_pylist()
        if row["encoder"] == encoder
    }
    return [
        {
            "mapper": mapper,
            "case": row.case_name,
            "tau": fitted[mapper]["tau"],
            "lambda": fitted[mapper]["lambda"],
            "chance": row.chance,
            "influence before": row.influence_before,
            "influence after": row.influence_after,
            "KL before": row.kl_before,
            "KL after": row.kl_after,
        }
        for mapper in (RAW, TUNED)
        for row in influence_table(store, encoder, mapper)
    ]


def median_samples(store: Store, encoder: str) -> Rows:
    """The test models of each case, best mapped AP first, each with its sample of median AP.

    Rows of the query `models_by_precision`.
    """
    params = {"encoder": encoder, "mapper": TUNED}
    with connect(store.uri) as con:
        rows: Rows = con.sql(load_sql("models_by_precision"), params=params).to_arrow_table().to_pylist()
    return rows


def _view_rows(con: Any, view: str, encoder: str, metric: str) -> Rows:
    """The rows of `intervals` or `differences` for one encoder and metric, test models."""
    rows: Rows = con.table(view).to_arrow_table().to_pylist()
    wanted = (encoder, metric, "test")
    return [row for row in rows if (row["encoder"], row["metric"], row["split"]) == wanted]


def _with_interval(name: str, value: float, row: dict[str, Any]) -> dict[str, float]:
    """`value` and the ends of its interval, which for a single model are null and become `value`."""
    ends = {end: value if row[end] is None else row[end] for end in ("low", "high")}
    return {name: value, f"{name}_low": ends["low"], f"{name}_high": ends["high"]}
