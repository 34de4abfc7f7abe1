"""The report: an HTML page of what ran, worked examples, and how far the answers can be trusted."""

from typing import Any

from ..query import Session, connect, load_sql
from ..query.report.influence import influence_curves, influence_figure
from ..store import Store
from .attributions import creator_bars
from .examples import ALPHA, worked_examples
from .figures import RecallBars, creator_plot, recall_plot, reliability_plot
from .findings import (
    Rows,
    abstention_rows,
    calibration_rows,
    calibrations,
    control_rows,
    median_samples,
    recall_rows,
)
from .settings import OTHERS, DemoSettings
from .tables import abstention_cells, calibration_cells, case_title, control_cells, recall_cells

PLOTTED = {
    "raw": "raw features",
    "paper": "the paper’s recipe",
    "best": "best recipe",
    "several": "several encoders",
    "thumbnails": "thumbnails",
}
"""Names of `DemoSettings.compared`, and what the plot calls them."""


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
    recall, control = recall_rows(store, settings), control_rows(store, settings.encoder)
    with connect(store.uri) as con:
        counts = con.sql(load_sql("counts")).to_arrow_table().to_pylist()[0]
    chance = control[0]["chance"] if control else 0.0
    *rows, mean = recall
    measured = calibrations(store, settings)
    joint = measured[settings.joint]
    median = [row["sample_id"] for row in median_samples(store, settings.joint)]
    curves = influence_curves(Session(store).snapshot(), settings.joint, median)
    weakest = min(rows, key=lambda row: float(row["several"]))
    return {
        "counts": counts,
        "encoder": settings.encoder,
        "others": OTHERS,
        "store": settings.store,
        "alpha": ALPHA,
        "headlines": _headline_numbers(counts, mean),
        "examples": worked_examples(store, settings),
        "plots": {
            "recall": recall_plot([_recall_bars(row) for row in rows], list(PLOTTED.values()), chance),
            "influence": influence_figure("influence", curves),
            "reliability": reliability_plot(joint.diagram(after=False), joint.diagram(after=True)),
            "creators": creator_plot(creator_bars(store, settings.joint)),
        },
        "tables": {
            "recall": [recall_cells(row) for row in recall],
            "control": [control_cells(row) for row in control],
            "calibration": [calibration_cells(row) for row in calibration_rows(store, settings, measured)],
            "abstention": [abstention_cells(row) for row in abstention_rows(store, settings)],
        },
        "thumbnails": _thumbnails_ahead(rows),
        "weakest": {**weakest, "case": case_title(weakest["case"])},
    }


def _headline_numbers(counts: dict[str, Any], mean: dict[str, Any]) -> list[dict[str, str]]:
    gain = f"{100 * mean['raw']:.0f}% → {100 * mean['best']:.0f}% → {100 * mean['several']:.0f}%"
    numbers = [
        (f"{counts['gallery']:,}", "training images (the gallery)"),
        (f"{counts['creators']}", "creators with known licences"),
        (f"{counts['customized']:,}", "customized generators"),
        (f"{counts['samples']:,}", "samples drawn"),
        (gain, "exemplars in the top ten: raw → mapped → several encoders"),
    ]
    return [{"value": value, "name": name} for value, name in numbers]


def _recall_bars(row: dict[str, Any]) -> RecallBars:
    values = [(row[name], row[f"{name}_low"], row[f"{name}_high"]) for name in PLOTTED]
    return RecallBars(f"{case_title(row['case'])}\n{row['scheme']}", values)


def _thumbnails_ahead(rows: Rows) -> list[str]:
    """The rows where thumbnails of 16 x 16 pixels find more than the encoder with the best recipe."""
    return [
        f"{case_title(row['case'])} with {row['scheme']} prompts"
        for row in rows
        if row["thumbnails"] > row["best"]
    ]
