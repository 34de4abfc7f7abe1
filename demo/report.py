"""The page: what was done, whom the answers name, how far to trust them. Self-contained HTML."""

from typing import Any

from ..query import connect, load_sql
from ..runtime.mapper import RAW
from ..store import Store
from .figures import RecallBar, creator_plot, influence_plot, recall_plot
from .findings import (
    BEST,
    Rows,
    calibration_rows,
    control_rows,
    creator_bars,
    influence_curves,
    percent,
    points,
    recall_rows,
)
from .settings import DemoSettings
from .stories import tell_stories


def write_report(store: Store, settings: DemoSettings) -> None:
    """Write the page of a finished demo, whole or not at all."""
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("attribase.demo")
    templates = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = templates.get_template("report.html").render(_facts(store, settings))
    partial = settings.report.with_suffix(".partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(settings.report)


def _facts(store: Store, settings: DemoSettings) -> dict[str, Any]:
    """Everything that the template names."""
    encoder = settings.encoder
    recall, control = recall_rows(store, encoder), control_rows(store, encoder)
    counts = connect(store.uri).sql(load_sql("counts")).to_arrow_table().to_pylist()[0]
    before, after = influence_curves(store, encoder)
    return {
        "counts": counts,
        "encoder": encoder,
        "store": settings.store,
        "facts": _tiles(counts, recall),
        "stories": tell_stories(store, encoder),
        "plots": {
            "recall": recall_plot([_bar(row) for row in recall], control[0]["chance"] if control else 0.0),
            "influence": influence_plot(before, after),
            "creators": creator_plot(creator_bars(store, encoder)),
        },
        "tables": {
            "recall": [_recall_cells(row) for row in recall],
            "control": [_control_cells(row) for row in control],
            "calibration": [_calibration_cells(row) for row in calibration_rows(store, encoder)],
        },
        "weakest": min(recall, key=lambda row: row["mapped"]),
    }


def _tiles(counts: dict[str, Any], recall: Rows) -> list[dict[str, str]]:
    raw, mapped = (sum(row[name] for row in recall) / len(recall) for name in ("raw", "mapped"))
    tiles = [
        (f"{counts['gallery']:,}", "training images (the gallery)"),
        (f"{counts['creators']}", "creators, licences known"),
        (f"{counts['customized']:,}", "customized generators"),
        (f"{counts['samples']:,}", "pictures drawn"),
        (f"{100 * raw:.0f}% → {100 * mapped:.0f}%", "exemplars in the top ten, raw → mapped"),
    ]
    return [{"value": value, "name": name} for value, name in tiles]


def _bar(row: dict[str, Any]) -> RecallBar:
    return RecallBar(
        label=f"{_words(row['case'])}\n{row['scheme']}",
        raw=(row["raw"], row["raw_low"], row["raw_high"]),
        mapped=(row["mapped"], row["mapped_low"], row["mapped_high"]),
    )


def _recall_cells(row: dict[str, Any]) -> dict[str, str]:
    return {
        "case": _words(row["case"]),
        "prompts": row["scheme"],
        "models": str(row["models"]),
        "samples": str(row["samples"]),
        "raw": percent(row["raw"]),
        "mapped": percent(row["mapped"]),
        "gain, 95% interval": points(row["gain"], row["gain_low"], row["gain_high"]),
        "paper’s recipe": percent(row["paper"]),
        "no regulariser": percent(row["unregularised"]),
    }


def _control_cells(row: dict[str, Any]) -> dict[str, str]:
    return {
        "case": _words(row["case"]),
        "with V*": percent(row["with V*"]),
        "untouched base": percent(row["untouched base"]),
        "chance": percent(row["chance"], 2),
        "difference, 95% interval": points(row["difference"], row["low"], row["high"]),
    }


def _calibration_cells(row: dict[str, Any]) -> dict[str, str]:
    return {
        "features": {RAW: "raw", BEST: "mapped"}[row["mapper"]],
        "case": _words(row["case"]),
        "τ": f"{row['tau']:.4f}",
        "λ": f"{row['lambda']:.4f}",
        "uniform share": percent(row["chance"], 2),
        "exemplars’ influence before": percent(row["influence before"], 2),
        "influence after": percent(row["influence after"]),
        "KL before": f"{row['KL before']:.2f}",
        "KL after": f"{row['KL after']:.2f}",
    }


def _words(case: str) -> str:
    return case.replace("_", ", ")
