"""Figures of further models, planned with another seed and made only after everything was fixed.

    python benchmarks/held_out.py attribase-demo [--models 30] [--seed 1]

The demo's store is copied to FOLDER/held-out; nothing is trained there. `--models` models of the four test
cases are planned on exemplars that no model of the demo has, customized, sampled and embedded, and what the
demo trained is asked of them. Printed beside the demo's test models: Recall@10 of every compared feature, the
gains over the paper's recipe, the calibration error, and "none of these". Run again, it goes on.
"""

import argparse
import shutil
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import attribase  # noqa: F401  first, as users do
from attribase.demo import DemoSettings
from attribase.ingest.customize import customize, defaults_for
from attribase.ingest.embed import embed
from attribase.ingest.sample import sample, sample_defaults_for
from attribase.ingest.specs import ModelSpec
from attribase.ingest.world.plan import plan_world
from attribase.query import compare_features, connect, evaluate, measure_calibration
from attribase.query.evaluation.abstention import abstention_table
from attribase.store import Step, Store
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

FURTHER = "_further"
"""Ends the names of their cases."""
PLANNED = 2.5
"""How many models are planned for one that is made: only test models are."""

console = Console(width=160)


def main() -> None:
    """Make the models, then print their figures beside those of the demo's test models."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path, help="the folder of a finished demo")
    parser.add_argument("--models", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    settings = DemoSettings(folder=given.demo)
    folder = given.demo / "held-out"
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(settings.store, partial)
        partial.replace(folder)
    store = Store.open(folder)
    specs = further_specs(settings, given.models, given.seed)
    make(store, specs)
    features = settings.compared.values()
    for one in features:
        run(embed(store, one.encoder))
        run(evaluate(store, one.encoder, one.mapper))
    print_recall(store, settings)
    print_calibration(store, settings)
    print_abstention(store, settings)


def further_specs(settings: DemoSettings, models: int, seed: int) -> list[ModelSpec]:
    """`models` test models on exemplars that no model of the demo has, in turn from the four cases."""
    used = {image for spec in settings.specs() for image in spec.exemplar_ids}
    planned = plan_world(round(PLANNED * models) + 5, settings.samples, seed, exclude=used)
    by_case: dict[str, list[ModelSpec]] = {}
    for spec in planned:
        if spec.split == "test":
            by_case.setdefault(spec.case_name, []).append(spec)
    in_turn = [spec for row in zip(*by_case.values(), strict=True) for spec in row]
    return [replace(spec, case_name=spec.case_name + FURTHER) for spec in in_turn[:models]]


def make(store: Store, specs: list[ModelSpec]) -> None:
    """Customize and sample them with the demo's settings."""
    base = defaults_for("world")
    run(customize(store, specs, base, workers=None))
    run(sample(store, specs, base, sample_defaults_for("world"), workers=None))


def run(steps: Iterable[Step]) -> None:
    """Run a job to its end, with its progress."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bars = {}
        for step in steps:
            if step.stage not in bars:
                bars[step.stage] = progress.add_task(step.stage)
            progress.update(bars[step.stage], completed=step.done, total=step.total)


def print_recall(store: Store, settings: DemoSettings) -> None:
    """Recall@10 against the paper's recipe, further models and the demo's test models."""
    table = Table("features", "case", "prompts", "models", "paper's", "these", "difference, 95%", "ratio")
    with connect(store.uri) as con:
        cases = sorted(
            {row[0] for row in con.sql("select case_name from runs where split = 'test'").fetchall()}
        )
        for further in (True, False):
            mine = [case for case in cases if case.endswith(FURTHER) == further]
            for name, features in settings.compared.items():
                if name == "paper":
                    continue
                for row in compare_features(con, settings.paper, features, cases=mine):
                    case = row.case_name + (FURTHER if further and row.case_name == "mean" else "")
                    low, high = 100 * (row.low or 0), 100 * (row.high or 0)
                    gap = f"{100 * row.difference:+.1f} ({low:+.1f} to {high:+.1f})"
                    shown = (
                        f"{100 * row.first:.1f}",
                        f"{100 * row.second:.1f}",
                        gap,
                        f"{row.ratio or 0:.2f}",
                    )
                    table.add_row(name, case, row.scheme, str(row.models), *shown)
    console.print(table)


def print_calibration(store: Store, settings: DemoSettings) -> None:
    """Calibration error, Brier score and KL by case."""
    rows = [
        asdict(row)
        for features in (settings.best, settings.joint)
        for row in measure_calibration(store, features.encoder, features.mapper).rows()
    ]
    _print(
        rows,
        ("encoder", "case_name", "kind", "samples", *(n for n in rows[0] if n[:3] in ("ece", "bri", "kl_"))),
    )


def print_abstention(store: Store, settings: DemoSettings) -> None:
    """False attributions, power and coverage by case."""
    rows = [
        row.to_dict()
        for features in (settings.best, settings.joint)
        for row in abstention_table(store, features.encoder, features.mapper, by="case")
    ]
    _print(
        rows, ("encoder", "group", "alpha", "models", "false_attributions", "power", "coverage", "set_size")
    )


def _print(rows: list[dict[str, object]], columns: Iterable[str]) -> None:
    names = list(columns)
    table = Table(*names)
    for row in rows:
        values = (row[name] for name in names)
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else "" if v is None else str(v) for v in values))
    console.print(table)


if __name__ == "__main__":
    main()
