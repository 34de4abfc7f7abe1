"""The report: an HTML page of what ran, worked examples, and how far the answers can be trusted."""

from typing import Any

from ..query import connect, load_sql
from ..store import Store
from .attributions import creator_bars, influence_curves
from .examples import worked_examples
from .figures import RecallBar, creator_plot, influence_plot, recall_plot
from .findings import Rows, calibration_rows, control_rows, recall_rows
from .settings import DemoSettings
from .tables import calibration_cells, case_title, control_cells, recall_cells


def write_report(store: Store, settings: DemoSettings) -> None:
    """Write the report of a finished demo, atomically."""
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("attribase.demo")
    templates = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = templates.get_template("report.html").render(_template_values(store, settings))
    partial = settings.report.with_suffix(".partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(settings.report)


def _template_values(store: Store, settings: DemoSettings) -> dict[str, Any]:
    """The values of the template's variables."""
    encoder = settings.encoder
    recall, control = recall_rows(store, encoder), control_rows(store, encoder)
    with connect(store.uri) as con:
        counts = con.sql(load_sql("counts")).to_arrow_table().to_pylist()[0]
    before, after = influence_curves(store, encoder)
    chance = control[0]["chance"] if control else 0.0
    weakest = min(recall, key=lambda row: float(row["mapped"]))
    return {
        "counts": counts,
        "encoder": encoder,
        "store": settings.store,
        "headlines": _headline_numbers(counts, recall),
        "examples": worked_examples(store, encoder),
        "plots": {
            "recall": recall_plot([_recall_bar(row) for row in recall], chance),
            "influence": influence_plot(before, after),
            "creators": creator_plot(creator_bars(store, encoder)),
        },
        "tables": {
            "recall": [recall_cells(row) for row in recall],
            "control": [control_cells(row) for row in control],
            "calibration": [calibration_cells(row) for row in calibration_rows(store, encoder)],
        },
        "weakest": {**weakest, "case": case_title(weakest["case"])},
    }


def _headline_numbers(counts: dict[str, Any], recall: Rows) -> list[dict[str, str]]:
    raw, mapped = (sum(row[name] for row in recall) / len(recall) for name in ("raw", "mapped"))
    numbers = [
        (f"{counts['gallery']:,}", "training images (the gallery)"),
        (f"{counts['creators']}", "creators with known licences"),
        (f"{counts['customized']:,}", "customized generators"),
        (f"{counts['samples']:,}", "samples drawn"),
        (f"{100 * raw:.0f}% → {100 * mapped:.0f}%", "exemplars in the top ten, raw → mapped"),
    ]
    return [{"value": value, "name": name} for value, name in numbers]


def _recall_bar(row: dict[str, Any]) -> RecallBar:
    return RecallBar(
        label=f"{case_title(row['case'])}\n{row['scheme']}",
        raw=(row["raw"], row["raw_low"], row["raw_high"]),
        mapped=(row["mapped"], row["mapped_low"], row["mapped_high"]),
    )
