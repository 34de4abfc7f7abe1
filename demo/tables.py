"""The measurements as tables to read: short ones for the terminal, and the report's."""

from collections.abc import Callable
from typing import Any

from ..runtime.mapper import RAW
from ..store import Store
from .findings import Rows, calibration_rows, control_rows, recall_rows
from .settings import PAPERS_RECIPE, TUNED, UNREGULARISED


def percent(share: float, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage."""
    return f"{100 * share:.{digits}f}%"


def percentage_points(estimate: float, low: float, high: float) -> str:
    """A difference of shares in percentage points, with its interval."""
    return f"{100 * estimate:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def case_title(case_name: str) -> str:
    """`object_seen` as "object, seen"."""
    return case_name.replace("_", ", ")


def recall_cells(row: dict[str, Any]) -> dict[str, str]:
    """A row of the report's table: Recall@10 of one case and scheme."""
    return {
        "case": case_title(row["case"]),
        "prompts": row["scheme"],
        "models": str(row["models"]),
        "samples": str(row["samples"]),
        "raw": percent(row["raw"]),
        "mapped": percent(row["mapped"]),
        "gain, 95% interval": percentage_points(row["gain"], row["gain_low"], row["gain_high"]),
        "paper’s recipe": percent(row[PAPERS_RECIPE]),
        "no regulariser": percent(row[UNREGULARISED]),
    }


def control_cells(row: dict[str, Any]) -> dict[str, str]:
    """A row of the report's table: samples with V* and controls of one case."""
    return {
        "case": case_title(row["case"]),
        "with V*": percent(row["with V*"]),
        "untouched base": percent(row["untouched base"]),
        "chance": percent(row["chance"], 2),
        "difference, 95% interval": percentage_points(row["difference"], row["low"], row["high"]),
    }


def calibration_cells(row: dict[str, Any]) -> dict[str, str]:
    """A row of the report's table: one mapper and case, before and after calibration."""
    return {
        "features": {RAW: "raw", TUNED: "mapped"}[row["mapper"]],
        "case": case_title(row["case"]),
        "τ": f"{row['tau']:.4f}",
        "λ": f"{row['lambda']:.4f}",
        "uniform share": percent(row["chance"], 2),
        "exemplars’ influence before": percent(row["influence before"], 2),
        "influence after": percent(row["influence after"]),
        "KL before": f"{row['KL before']:.2f}",
        "KL after": f"{row['KL after']:.2f}",
    }


def _recall_summary(store: Store, encoder: str) -> Rows:
    return [
        {
            "case": row["case"],
            "scheme": row["scheme"],
            "samples": row["samples"],
            "raw": percent(row["raw"]),
            "mapped": percent(row["mapped"]),
            "gain (95% interval)": percentage_points(row["gain"], row["gain_low"], row["gain_high"]),
            "paper's recipe": percent(row[PAPERS_RECIPE]),
            "no regulariser": percent(row[UNREGULARISED]),
        }
        for row in recall_rows(store, encoder)
    ]


def _control_summary(store: Store, encoder: str) -> Rows:
    return [
        {name: value if name == "case" else percent(value, 2) for name, value in row.items()}
        for row in control_rows(store, encoder)
    ]


SUMMARIES: tuple[tuple[str, Callable[[Store, str], Rows]], ...] = (
    ("Recall@10 of the exemplars, test models", _recall_summary),
    ("Recall@10, raw features: samples with V* against the untouched base", _control_summary),
    ("Influence on the true exemplars, test samples", calibration_rows),
)
