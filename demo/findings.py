"""The facts of the report, each from the store: recall, the control, calibration, influence by creator."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import polars as pl

from ..query import attribute_many, compare_control, connect, influence_table, load_sql
from ..runtime.influence import influence
from ..runtime.mapper import RAW
from ..store import Store
from .figures import CreatorBar

Rows = list[dict[str, Any]]
BEST = "tuned"
OTHERS = ("paper", "unregularised")


def recall_rows(store: Store, encoder: str, metric: str = "recall_10") -> Rows:
    """A row for each test case and scheme: raw and mapped with intervals, the gain with its interval.

    Means in [0, 1]; intervals are 95% bootstrap over sets of exemplars, `low` and `high`.
    """
    with connect(store.uri) as con:
        cells = {
            (row["case_name"], row["scheme"], row["mapper"]): row
            for row in _view_rows(con, "intervals", encoder, metric)
        }
        gains = {
            (row["case_name"], row["scheme"]): row
            for row in _view_rows(con, "differences", encoder, metric)
            if (row["first"], row["second"]) == (RAW, BEST)
        }
    rows = []
    for case, scheme in sorted({key[:2] for key in cells}):
        raw, best, gain = cells[case, scheme, RAW], cells[case, scheme, BEST], gains[case, scheme]
        rows.append(
            {
                "case": case,
                "scheme": scheme,
                "models": raw["models"],
                "samples": raw["samples"],
                **_with_interval("raw", raw["estimate"], raw),
                **_with_interval("mapped", best["estimate"], best),
                **_with_interval("gain", gain["difference"], gain),
                **{name: cells[case, scheme, name]["estimate"] for name in OTHERS},
            }
        )
    return rows


def _view_rows(con: Any, view: str, encoder: str, metric: str) -> Rows:
    """The rows of `intervals` or `differences` for one encoder and metric, test models."""
    rows: Rows = con.table(view).to_arrow_table().to_pylist()
    asked = (encoder, metric, "test")
    return [row for row in rows if (row["encoder"], row["metric"], row["split"]) == asked]


def _with_interval(name: str, value: float, row: dict[str, Any]) -> dict[str, float]:
    """A figure and the ends of its interval; those of a single model, which has none, are the figure."""
    ends = {end: value if row[end] is None else row[end] for end in ("low", "high")}
    return {name: value, f"{name}_low": ends["low"], f"{name}_high": ends["high"]}


def middle_samples(store: Store, encoder: str) -> Rows:
    """Each test model with the sample in the middle of its own; per case, best found first (mapped AP)."""
    params = {"encoder": encoder, "mapper": BEST}
    found = connect(store.uri).sql(load_sql("models_by_precision"), params=params)
    rows: Rows = found.to_arrow_table().to_pylist()
    return rows


def control_rows(store: Store, encoder: str) -> Rows:
    """Per case, raw features: Recall@10 with V*, of the untouched base without it, and by chance."""
    con = connect(store.uri)
    gallery = store.count("members", "collection = 'gallery'")
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
        for found in compare_control(con, encoder, RAW)
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
        for mapper in (RAW, BEST)
        for row in influence_table(store, encoder, mapper)
    ]


def _recall_summary(store: Store, encoder: str) -> Rows:
    return [
        {
            "case": row["case"],
            "scheme": row["scheme"],
            "samples": row["samples"],
            "raw": percent(row["raw"]),
            "mapped": percent(row["mapped"]),
            "gain (95% interval)": points(row["gain"], row["gain_low"], row["gain_high"]),
            "paper's recipe": percent(row["paper"]),
            "no regulariser": percent(row["unregularised"]),
        }
        for row in recall_rows(store, encoder)
    ]


def _control_summary(store: Store, encoder: str) -> Rows:
    return [
        {name: value if name == "case" else percent(value, 2) for name, value in row.items()}
        for row in control_rows(store, encoder)
    ]


def percent(share: float, digits: int = 1) -> str:
    """A share in [0, 1] for people."""
    return f"{100 * share:.{digits}f}%"


def points(estimate: float, low: float, high: float) -> str:
    """A difference of shares in percentage points, with its interval."""
    return f"{100 * estimate:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


SUMMARIES: tuple[tuple[str, Callable[[Store, str], Rows]], ...] = (
    ("Recall@10 of the exemplars, test models", _recall_summary),
    ("Recall@10, raw features: samples with V* against the untouched base", _control_summary),
    ("Influence on the true exemplars, test samples", calibration_rows),
)

DEPTH = 200
DEEP = 1_000_000  # more than the demo has images: the curve before calibration needs them all
SAMPLES = 40


def influence_curves(store: Store, encoder: str) -> tuple[list[float], list[float]]:
    """(before, after), each the mean influence of rank 1 to DEPTH over test samples; mapped features.

    Before is a plain softmax over the same similarities (tau = 1, lambda = 0 in eq. 6).
    """
    before, after = [], []
    samples = _some_samples(store, encoder)
    for whole in attribute_many(store, samples, encoder=encoder, mapper=BEST, k=DEEP):
        scores = np.array([result.similarity for result in whole.results])
        before.append(influence(scores, tau=1.0, lam=0.0)[:DEPTH])
        after.append(np.array([result.influence or 0.0 for result in whole.results[:DEPTH]]))
    return np.mean(before, axis=0).tolist(), np.mean(after, axis=0).tolist()


def _some_samples(store: Store, encoder: str) -> list[str]:
    """The middle sample of up to SAMPLES test models, evenly over the list."""
    ids = [row["sample_id"] for row in middle_samples(store, encoder)]
    return ids[:: max(1, len(ids) // SAMPLES)]


def creator_bars(store: Store, encoder: str, most: int = 10) -> list[CreatorBar]:
    """For each creator of an exemplar: mean influence when the exemplar is theirs, and when it is not.

    Over the middle sample of each test model, mapped and calibrated; creators with most exemplars first.
    """
    owners, shares = _owners_and_shares(store, encoder)
    every = owners.select("sample_id").unique().join(owners.select("creator").unique(), how="cross")
    bars = (
        every.join(shares, on=["sample_id", "creator"], how="left")
        .join(owners.with_columns(own=pl.lit(True)), on=["sample_id", "creator"], how="left")
        .with_columns(pl.col("influence").fill_null(0.0), pl.col("own").fill_null(False))
        .group_by("creator")
        .agg(
            pl.col("own").sum().alias("models"),
            pl.col("influence").filter(pl.col("own")).mean().alias("theirs"),
            pl.col("influence").filter(~pl.col("own")).mean().fill_null(0.0).alias("others"),
        )
        .sort(["models", "creator"], descending=[True, False])
    )
    return [CreatorBar(row["creator"], row["theirs"], row["others"]) for row in bars.head(most).to_dicts()]


def _owners_and_shares(store: Store, encoder: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(sample_id, creator) of the exemplars, and (sample_id, creator, influence) of the answers."""
    images = cast(pl.DataFrame, pl.from_arrow(store.read("images", ["image_id", "creator"])))
    models = pl.DataFrame(middle_samples(store, encoder)).select("sample_id", "exemplar_ids")
    owners = models.explode("exemplar_ids").join(images, left_on="exemplar_ids", right_on="image_id")
    ids = models["sample_id"].to_list()
    answers = attribute_many(store, ids, encoder=encoder, mapper=BEST, k=1, by="creator")
    shares = [
        (sample_id, share.name, share.influence)
        for sample_id, answer in zip(ids, answers, strict=True)
        for share in answer.shares
    ]
    schema = {"sample_id": pl.String, "creator": pl.String, "influence": pl.Float64}
    return owners.select("sample_id", "creator").unique(), pl.DataFrame(shares, schema=schema, orient="row")
