"""The measurements as tables to read: short ones for the terminal, and the report's."""

from collections.abc import Callable
from typing import Any

from ..query.evaluation.abstention import AbstentionRow, Rate
from ..query.sql.bootstrap import too_few
from ..store import Store
from .findings import Rows, abstention_rows, calibration_rows, calibrations, control_rows, recall_rows
from .settings import DemoSettings

RECALL_COLUMNS = {
    "raw": "raw",
    "paper’s recipe": "paper",
    "best recipe": "best",
    "several encoders": "several",
    "thumbnails": "thumbnails",
    "thumbnails, mapped": "thumbnails, best",
    "colour histogram": "colours",
}
"""Titles of columns and the names of `DemoSettings.compared`."""


def percent(share: float, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage."""
    return f"{100 * share:.{digits}f}%"


def percentage_points(estimate: float, low: float | None, high: float | None, models: int) -> str:
    """A difference of shares in percentage points, with its interval if there is one."""
    if low is None or high is None:
        return f"{100 * estimate:+.1f} ({too_few(models)})"
    return f"{100 * estimate:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def case_title(case_name: str) -> str:
    """`object_seen` as "object, seen"."""
    return case_name.replace("_", ", ")


def recall_cells(row: dict[str, Any]) -> dict[str, str]:
    """A row of the report's table: Recall@10 of one case and scheme, or the mean of all."""
    cells = {
        "case": case_title(row["case"]),
        "prompts": row["scheme"],
        "models": str(row["models"]),
        "samples": str(row["samples"]),
        **{title: percent(row[name]) for title, name in RECALL_COLUMNS.items()},
    }
    for name, title in (("best", "best over paper’s"), ("several", "several over paper’s")):
        low, high = row[f"{name}_gain_low"], row[f"{name}_gain_high"]
        cells[f"{title}, 95% interval"] = percentage_points(row[f"{name}_gain"], low, high, row["models"])
    return cells


def control_cells(row: dict[str, Any]) -> dict[str, str]:
    """A row of the report's table: samples with V* and controls of one case."""
    return {
        "case": case_title(row["case"]),
        "with V*": percent(row["with V*"]),
        "untouched base": percent(row["untouched base"]),
        "chance": percent(row["chance"], 2),
        "difference, 95% interval": percentage_points(
            row["difference"], row["low"], row["high"], row["models"]
        ),
    }


def calibration_cells(row: dict[str, Any]) -> dict[str, str]:
    """A row of the report's table: one case or kind, before and after calibration."""

    def share(name: str, digits: int = 1) -> str:
        return "" if row[name] is None else percent(row[name], digits)

    return {
        "features": row["features"],
        "case": case_title(row["case"] or row["kind"] or "all"),
        "uniform share": share("chance", 2),
        "exemplars’ influence before": share("influence before", 2),
        "after": share("influence after"),
        "to no image": share("null"),
        "to no image, exemplars left out": share("null without exemplars"),
        "KL before": f"{row['KL before']:.2f}",
        "KL after": f"{row['KL after']:.2f}",
        "ECE before": f"{row['ECE before']:.3f}",
        "ECE after": f"{row['ECE after']:.3f}",
        "Brier before": f"{row['Brier before']:.3f}",
        "Brier after": f"{row['Brier after']:.3f}",
    }


def abstention_cells(row: AbstentionRow) -> dict[str, str]:
    """A row of the report's table: "none of these" for one kind of concept at one level."""
    return {
        "kind": row.group,
        "level α": f"{row.alpha:g}",
        "models": str(row.models),
        "attributed without their exemplars": _rate(row.false_attributions),
        "attributed with them": _rate(row.power),
        "exemplars in the set": _rate(row.coverage) if row.supported else "too few models",
        "images in the set": f"{row.set_size:,.0f} of {row.pool_size:,}",
    }


def _rate(rate: Rate) -> str:
    return f"{percent(rate.value)} ({percent(rate.low)} to {percent(rate.high)})"


def _recall_summary(store: Store, settings: DemoSettings) -> Rows:
    return [recall_cells(row) for row in recall_rows(store, settings)]


def _control_summary(store: Store, settings: DemoSettings) -> Rows:
    return [control_cells(row) for row in control_rows(store, settings.encoder)]


def _calibration_summary(store: Store, settings: DemoSettings) -> Rows:
    rows = calibration_rows(store, settings, calibrations(store, settings))
    return [calibration_cells(row) for row in rows]


def _abstention_summary(store: Store, settings: DemoSettings) -> Rows:
    return [abstention_cells(row) for row in abstention_rows(store, settings)]


SUMMARIES: tuple[tuple[str, Callable[[Store, DemoSettings], Rows]], ...] = (
    ("Recall@10 of the exemplars, test models", _recall_summary),
    ("Recall@10, raw features: samples with V* against the untouched base", _control_summary),
    ("Influence on the true exemplars, test samples", _calibration_summary),
    ("None of these: several encoders, test models", _abstention_summary),
)
