"""The rungs of the recipe, compared by cross-validation on the train and val models of a store.

    python benchmarks/recipe.py STORE [--encoder NAME] [--val] [--only RUNG ...]

Recall@10 in percent of models that a recipe did not learn from (`attribase.train.cross_validation`), by
kind and scheme: concepts held out in turn, or with --val the val models by maps of the train models. `mean`
is the mean of these columns; `gain` its difference to the paper's recipe, with the 95% interval of 2,000
bootstrap draws of models, the same for both. `s` is the time of a training. The paper's recipe is that
of one encoder, the first part of a composite.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace

import attribase  # noqa: F401  first, as users do
import numpy as np
import torch
from attribase.store import Store, views_table
from attribase.train import BEST, PAPER, WORLD, MapperConfig
from attribase.train.cross_validation import FoldRecall, cross_validate, measure_validation
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

DRAWS, FOLDS = 2000, 5

CLOSED = replace(BEST, start="whitened", epochs=0, hub_weight=0.0)
RUNGS: Mapping[str, MapperConfig] = {
    "raw": replace(PAPER, epochs=0, views=0),
    "paper": PAPER,
    "world": WORLD,
    "closed form (b)": CLOSED,
    "closed form, rank 128": replace(CLOSED, rank=128),
    "closed form, ridge 0.3": replace(CLOSED, ridge=0.3),
    "b + hubness (d)": replace(CLOSED, hub_weight=BEST.hub_weight),
    "b + identity + d": replace(BEST, epochs=0),
    "best: b + identity + d, trained with a, c, f": BEST,
    "best, closed form alone": replace(BEST, start="whitened"),
    "best, identity alone (no b)": replace(BEST, start="identity"),
    "best, fixed temperature (no a)": replace(BEST, learn_temperature=False),
    "best, no gallery (no c)": replace(BEST, negatives=0),
    "best, half mined (c)": replace(BEST, mined=0.5),
    "best, no hubness (no d)": replace(BEST, hub_weight=0.0),
    "best, hubness 0.25 (d)": replace(BEST, hub_weight=0.25),
    "best, single pairs (no f)": replace(BEST, positives="pair"),
    "best, SupCon (f)": replace(BEST, positives="mean"),
    "best, averaged weights (g)": replace(BEST, average=0.9),
    "best, epoch by validation (g)": replace(BEST, keep="best"),
}
"""Letters are those of docs/recipe.md."""


def main() -> None:
    """Train every rung on every fold, print the table at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--encoder", default="efficientnet-lite0")
    parser.add_argument("--baseline", help="the encoder of the paper's recipe; by default the first part")
    parser.add_argument("--val", action="store_true", help="measure val models only, concepts shared")
    parser.add_argument("--only", nargs="*", help="names of rungs, beside the paper's recipe")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    store = Store.open(options.store)
    found: dict[str, Means] = {}
    seconds: dict[str, float] = {}
    for name, config in RUNGS.items():
        if options.only and name not in ("paper", *options.only):
            continue
        encoder = options.encoder
        if name == "paper":
            encoder = options.baseline or encoder.partition("+")[0]
        elif config.views and views_table(encoder) not in store.tables():
            continue  # the views of a composite cost more than they bring
        start = time.perf_counter()
        recipes, folds = {name: config}, 1 if options.val else FOLDS
        measured = (
            measure_validation(store, encoder, recipes)
            if options.val
            else cross_validate(store, encoder, recipes, folds)
        )
        found[name] = Means(list(measured))
        seconds[name] = (time.perf_counter() - start) / folds
        Console(stderr=True).print(f"{name}: {seconds[name]:.0f} s a training")
    Console(width=170).print(table(found, seconds))


class Means:
    """Mean recall of each model and scheme: {(kind, scheme): {model: mean}}."""

    def __init__(self, found: list[FoldRecall]) -> None:
        self.cells: dict[tuple[str, str], dict[str, float]] = {}
        for one in found:
            for scheme, recalls in one.recalls.items():
                self.cells.setdefault((one.kind, scheme), {})[one.model_id] = float(recalls.mean())

    def values(self, draws: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float64]:
        """(cells, draws): the mean of each cell over the models that are drawn, by kind."""
        return np.array(
            [
                np.array([cell[model] for model in sorted(cell)])[draws[kind]].mean(1)
                for (kind, _), cell in sorted(self.cells.items())
            ]
        )

    def models(self) -> dict[str, int]:
        """How many models of each kind."""
        return {kind: len(cell) for (kind, _), cell in sorted(self.cells.items())}


def table(found: Mapping[str, Means], seconds: Mapping[str, float]) -> Table:
    """One row a rung."""
    paper = found["paper"]
    rng = np.random.default_rng(0)
    once = {kind: np.arange(count)[None] for kind, count in paper.models().items()}
    draws = {kind: rng.integers(0, count, (DRAWS, count)) for kind, count in paper.models().items()}
    base, base_drawn = paper.values(once)[:, 0], paper.values(draws).mean(0)
    shown = Table()
    columns = [f"{kind} {scheme}" for kind, scheme in sorted(paper.cells)]
    for name in ("rung", *columns, "mean", "x paper", "gain", "s"):
        shown.add_column(name, justify="left" if name == "rung" else "right", no_wrap=True)
    for name, means in found.items():
        cells, drawn = means.values(once)[:, 0], means.values(draws).mean(0)
        low, high = np.quantile(drawn - base_drawn, [0.025, 0.975])
        gain = cells.mean() - base.mean()
        shown.add_row(
            name,
            *[f"{100 * cell:.1f}" for cell in cells],
            f"{100 * cells.mean():.1f}",
            f"{cells.mean() / base.mean():.2f}",
            f"{100 * gain:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]",
            f"{seconds[name]:.0f}",
        )
    return shown


if __name__ == "__main__":
    main()
