"""The same exemplars customized by every method, and what the demo trained on Custom Diffusion finds of them.

    python benchmarks/methods.py attribase-demo [--models 24] [--samples 4] [--split test] [--method lora ...]

The demo's store is copied to FOLDER/methods-SPLIT; no mapper is trained there. Of the demo's plan, `--models`
models of the split, in turn from objects and styles, are planned once more by each method: the same
exemplars, prompts and seeds. Printed by method and kind: Recall@10 of raw and mapped features with 95%
intervals over models, and the gain of each mapper over raw features on the same samples. Do the mappers,
which saw models of Custom Diffusion alone, carry over? Settings are chosen with `--split val`. Run again, it
goes on.

`captioned` has no V*: its prompts are those of the plan without it, so that only the words of the category
say what a picture shows.
"""

import argparse
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path

import attribase  # noqa: F401  first, as users do
from attribase.demo import DemoSettings
from attribase.ingest.customize import customize, defaults_for
from attribase.ingest.customize.methods import METHODS
from attribase.ingest.embed import embed
from attribase.ingest.sample import sample, sample_defaults_for
from attribase.ingest.specs import TOKEN, ModelSpec, SampleSpec, uses_token
from attribase.query import Features, compare_features, connect, evaluate
from attribase.store import Step, Store
from rich.console import Console
from rich.progress import Progress

SCHEME = "all"
"""One row by method and kind: the prompts of all schemes count together."""
STYLE_WORDS = f" in the style of {TOKEN} art"


def main() -> None:
    """Make the models that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path, help="the folder of a finished demo")
    parser.add_argument("--models", type=int, default=24)
    parser.add_argument("--samples", type=int, default=4, help="of each model by each scheme")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--method", action="append", choices=list(METHODS), help="only these")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE", help="of one method")
    parser.add_argument("--label", default="", help="ends the case names, for a method with other settings")
    given = parser.parse_args()
    settings = DemoSettings(folder=given.demo)
    store = _copy(settings.store, given.demo / f"methods-{given.split}")
    chosen = _chosen(settings.specs(), given.split, given.models, given.samples)
    changes = {name: _value(value) for name, _, value in (text.partition("=") for text in given.setting)}
    for method in given.method or METHODS:
        _make(store, [_by_method(spec, method, given.label) for spec in chosen], method, changes)
    features = [settings.raw, settings.paper, settings.best, settings.joint, Features(settings.several)]
    for one in features:
        _run(embed(store, one.encoder))
        _run(evaluate(store, one.encoder, one.mapper))
    _print(store, settings, given.split)


def _copy(source: Path, folder: Path) -> Store:
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial)
        partial.replace(folder)
    return Store.open(folder)


def _chosen(specs: Iterable[ModelSpec], split: str, models: int, samples: int) -> list[ModelSpec]:
    """`models` of the split in turn from its cases, with the first `samples` of each scheme."""
    by_case: dict[str, list[ModelSpec]] = {}
    for spec in specs:
        if spec.split == split and spec.method != "none":
            by_case.setdefault(spec.case_name, []).append(spec)
    in_turn = [spec for spec in chain(*zip_longest(*by_case.values())) if spec is not None][:models]
    return [replace(spec, samples=tuple(_first(spec.samples, samples))) for spec in in_turn]


def _first(samples: Iterable[SampleSpec], count: int) -> Iterator[SampleSpec]:
    seen: dict[str, int] = {}
    for one in samples:
        seen[one.scheme] = seen.get(one.scheme, 0) + 1
        if seen[one.scheme] <= count:
            yield replace(one, scheme=SCHEME)


def _by_method(spec: ModelSpec, method: str, label: str) -> ModelSpec:
    case = f"{spec.concept_kind}: {method}{label and f' {label}'}"
    spec = replace(spec, case_name=case)
    if uses_token(method):
        return replace(spec, method=method)
    samples = tuple(replace(one, prompt=_without_token(one.prompt)) for one in spec.samples)
    prompts = tuple(_without_token(prompt) for prompt in spec.training_prompts)
    return replace(spec, method=method, samples=samples, training_prompts=prompts)


def _without_token(prompt: str) -> str:
    return prompt.replace(STYLE_WORDS, "").replace(f"{TOKEN} ", "")


def _value(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _make(store: Store, specs: list[ModelSpec], method: str, changes: dict[str, object]) -> None:
    """Customize and sample them with the method's settings for the world."""
    config = defaults_for("world", method).with_changes(**changes)
    started = time.perf_counter()
    _run(customize(store, specs, config, workers=None))
    seconds = time.perf_counter() - started
    _run(sample(store, specs, config, sample_defaults_for("world"), workers=None))
    print(f"{method}: {len(specs)} models customized in {seconds:.0f} s, if none was there", flush=True)


def _run(steps: Iterable[Step]) -> None:
    """Run a job to its end, with its progress."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bars = {}
        for step in steps:
            if step.stage not in bars:
                bars[step.stage] = progress.add_task(step.stage)
            progress.update(bars[step.stage], completed=step.done, total=step.total)


def _print(store: Store, settings: DemoSettings, split: str) -> None:
    mapped = {
        "paper": (settings.raw, settings.paper),
        "best": (settings.raw, settings.best),
        "several, best": (Features(settings.several), settings.joint),
    }
    print(
        "\n| kind and method | models | raw | mapper | mapped | gain | times |\n|---|--:|--:|---|--:|--:|--:|"
    )
    with connect(store.uri) as con:
        intervals = _intervals(con.sql("from intervals where metric = 'recall_10'").to_arrow_table())
        cases = sorted({case for case, *_ in intervals if ": " in case})
        for case in cases:
            for name, (raw, other) in mapped.items():
                row = compare_features(con, raw, other, split=split, cases=[case])[0]
                first, second = (intervals[case, one.encoder, one.mapper] for one in (raw, other))
                low, high = 100 * (row.low or 0), 100 * (row.high or 0)
                gain = f"{100 * row.difference:+.1f} ({low:+.1f} to {high:+.1f})"
                times = f"{row.ratio:.2f}" if row.ratio else ""
                print(f"| {case} | {row.models} | {first} | {name} | {second} | {gain} | {times} |")


def _intervals(table: object) -> dict[tuple[str, str, str], str]:
    """Estimates with their interval, in percent, by case, encoder and mapper."""
    return {
        (row["case_name"], row["encoder"], row["mapper"]): (
            f"{100 * row['estimate']:.1f} ({100 * (row['low'] or 0):.1f} to {100 * (row['high'] or 0):.1f})"
        )
        for row in table.to_pylist()  # type: ignore[attr-defined]
    }


if __name__ == "__main__":
    main()
