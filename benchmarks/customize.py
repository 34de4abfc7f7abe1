"""Speed and memory of customizing and sampling relative to bare diffusers loops: ratios, in one run.

    python benchmarks/customize.py [--base sd15 | world | FOLDER] [--methods lora captioned ...] [--rounds 5]

- `train`: optimiser steps of `train()`, beside the loop of diffusers' training scripts over latents that are
  ready, with the same parameters, batch and optimiser.
- `sample`: images of `draw_samples`, PNG files included, beside the bare batched pipeline with DDIM.
- `job`: `customize()` of several models from a store: what a further model costs beside the bare loop's steps
  alone (decoding, views, their latents, packing and commits are in it), and how often the base is loaded.

A ratio is the speed of ours divided by the bare one's: 1 is as fast, the goal is 0.95. The machine may be
noisy, so both alternate, step by step while training, and a ratio is the median over steps or rounds; `cpu`
is the same of processor seconds, which other load disturbs less. `memory` is that of the base's weights and
the most that is used above them: of tensors on a GPU, of the process's resident set on a CPU.

On a GPU, where there is one, the base has Stable Diffusion 1.x's size and random weights, pictures have 512
pixels, and the bare code has bfloat16 weights; else it is the embedded world's at 64 pixels, on one thread
like a worker. Both use scaled-dot-product attention and channels last. Writes to a temporary folder only.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import attribase  # noqa: F401  first, as users do
import numpy as np
import torch
from attribase.ingest.customize import customize, generator
from attribase.ingest.customize import train as training
from attribase.ingest.customize.generator import prepare_generator
from attribase.ingest.customize.methods import find_method
from attribase.ingest.customize.train import train
from attribase.ingest.images import ingest_images, open_source
from attribase.ingest.sample import SampleConfig
from attribase.ingest.sample.ddim import draw_samples
from attribase.ingest.specs import ModelSpec
from attribase.ingest.world import model_path
from attribase.store import Store
from clock import Clock, Cost, cost_of
from customize_bare import BareTraining, full_size, load, sample
from PIL import Image
from rich.console import Console
from rich.table import Table

METHODS = ("captioned", "lora", "custom-diffusion")
STEPS = 20
"""Of training, a round."""
MODELS = 3


@dataclass(frozen=True)
class Scale:
    """What is measured: `folder` is the base, None for one of full size with random weights."""

    folder: Path | None
    kind: str
    resolution: int
    batch: int
    images: int
    steps: int
    guidance: float


def main() -> None:
    """Measure everything, print the table at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", help="`world`, `sd15` (its size, random weights) or a diffusers folder")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    scale = _scale(options.base or ("sd15" if device == "cuda" else "world"))
    shown = Table("what", "ours", "bare", "unit", "ratio", "cpu", "memory", "of the bare", "ratio ")
    for method in options.methods:
        measure_training(shown, scale, method, device, options.rounds)
    measure_sampling(shown, scale, device, options.rounds)
    if scale.folder is not None:
        measure_job(shown, scale, options.methods[0], device)
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {options.threads} thread"
    Console(width=170).print(f"{name}; {scale.kind} at {scale.resolution} pixels, batch {scale.batch}")
    Console(width=170).print(shown)


def _scale(base: str) -> Scale:
    if base == "world":
        return Scale(model_path(), "world", 64, 8, 16, 14, 3.0)
    return Scale(None if base == "sd15" else Path(base), "sd", 512, 4, 16, 50, 6.0)


def measure_training(shown: Table, scale: Scale, method: str, device: str, rounds: int) -> None:
    """Steps a second."""
    spec, config = _spec(method), _config(scale, method)
    images = [Image.fromarray(np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8))]
    ours, theirs = prepare_generator(_float32(scale), "<new1>", device), load(scale.folder, device)

    def our(steps: int) -> None:
        train(ours, spec, images, replace(config, iterations=steps))

    loop = BareTraining(theirs, method, config.batch_size, scale.resolution)
    our(2)
    loop.run(2)
    memory = cost_of(lambda: our(3), device).memory, cost_of(lambda: loop.run(3), device).memory
    with _alternating(loop, device) as found:
        our(STEPS * rounds + 1)
    loop.close()
    weights = _bytes(ours), _bytes(theirs)
    _add_row(shown, f"train {method}", found, 1, "steps/s", (weights[0] + memory[0], weights[1] + memory[1]))


@contextmanager
def _alternating(loop: BareTraining, device: str) -> Iterator[list[tuple[Cost, Cost]]]:
    """While `train` runs, each of its steps is followed by one of the bare loop; the costs of all pairs."""
    found: list[tuple[Cost, Cost]] = []
    original, clock = training._loss, Clock(device)
    started = False

    def loss(*arguments: Any) -> Any:
        nonlocal started
        ours = clock.lap()
        if started:
            loop.run(1)
            found.append((ours, clock.lap()))
        started = True
        clock.lap()
        return original(*arguments)

    training._loss = loss
    try:
        yield found
    finally:
        training._loss = original


def measure_sampling(shown: Table, scale: Scale, device: str, rounds: int) -> None:
    """Images a second."""
    ours, theirs = prepare_generator(_float32(scale), "<new1>", device), load(scale.folder, device)
    config = SampleConfig(scale.steps, scale.guidance, scale.batch, resolution=scale.resolution)
    prompts, seeds = ["a cat"] * scale.images, list(range(scale.images))
    bare = (scale.images, scale.batch, scale.steps, scale.resolution, scale.guidance)
    quick = replace(config, steps=2)
    draw_samples(ours, prompts[: scale.batch], seeds[: scale.batch], quick)
    sample(theirs, scale.batch, scale.batch, 2, scale.resolution, scale.guidance)
    found = [
        (
            cost_of(lambda: draw_samples(ours, prompts, seeds, config), device),
            cost_of(lambda: sample(theirs, *bare), device),
        )
        for _ in range(rounds)
    ]
    memory = [max(costs[side].memory for costs in found) for side in (0, 1)]
    peaks = _bytes(ours) + memory[0], _bytes(theirs) + memory[1]
    _add_row(shown, "sample", found, scale.images, "images/s", peaks)


def measure_job(shown: Table, scale: Scale, method: str, device: str) -> None:
    """A further model of a job beside the bare loop's steps, and the number of times the base is loaded."""
    config = _config(scale, method)
    theirs = load(scale.folder, device)
    loop = BareTraining(theirs, method, config.batch_size, scale.resolution)
    loop.run(2)
    with tempfile.TemporaryDirectory() as folder, _counted_loads() as loads:
        store = Store.create(Path(folder) / "store")
        specs = _stored_specs(store, Path(folder), method)
        job = customize(store, specs, config, workers=0)
        next(job)
        next(job)  # the first model, with the loading
        ours = cost_of(lambda: list(job), device)
    bare = cost_of(lambda: loop.run(config.iterations * (MODELS - 1)), device)
    loop.close()
    name = f"job of {MODELS} models ({method}), base loaded {len(loads)} times"
    _add_row(shown, name, [(ours, bare)], MODELS - 1, "models/s")


def _float32(scale: Scale) -> Any:
    """The base as `prepare_generator` takes it."""
    from attribase.ingest.diffusion import load_pipeline

    return full_size() if scale.folder is None else load_pipeline(scale.folder)


def _config(scale: Scale, method: str) -> Any:
    found = find_method(method)
    base = "world" if scale.kind == "world" else str(scale.folder)
    settings = {**found.defaults[scale.kind], "batch_size": scale.batch, "resolution": scale.resolution}
    return found.config(base, **settings, **({} if scale.kind == "world" else {"iterations": 125}))


def _spec(method: str, exemplar: str = "x", seed: int = 0) -> ModelSpec:
    prompt = "a cat" if method == "captioned" else "V* cat"
    return ModelSpec("object", "cat", "cat", "object", "train", (exemplar,), (prompt,), (), method, seed)


def _stored_specs(store: Store, folder: Path, method: str) -> list[ModelSpec]:
    """Models of one exemplar, which is stored."""
    (folder / "images").mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "images" / "cat.png")
    list(ingest_images(store, open_source(str(folder / "images")), "exemplars"))
    image = store.read("images", ["image_id"])["image_id"][0].as_py()
    return [_spec(method, image, seed) for seed in range(MODELS)]


@contextmanager
def _counted_loads() -> Iterator[list[Any]]:
    """The list gets an entry each time a base is loaded."""
    loads: list[Any] = []
    original = generator.load_generator

    def counted(*arguments: Any) -> Any:
        loads.append(arguments)
        return original(*arguments)

    generator.load_generator = counted
    try:
        yield loads
    finally:
        generator.load_generator = original


def _bytes(base: Any) -> int:
    """Of the weights of a pipeline, or of a generator."""
    parts = (base.unet, base.vae, base.text_encoder)
    return sum(value.numel() * value.element_size() for part in parts for value in part.parameters())


def _add_row(
    shown: Table,
    what: str,
    found: list[tuple[Cost, Cost]],
    count: int,
    unit: str,
    peaks: tuple[int, int] | None = None,
) -> None:
    """Medians over all pairs of costs; a ratio is the median of the pairs' own.

    peaks: bytes of ours, and of the bare loop.
    """

    def median(values: Iterator[float]) -> float:
        return statistics.median(list(values))

    memory = ["", "", ""]
    if peaks is not None:
        ours, bare = peaks
        memory = [f"{ours / 1e6:,.0f} MB", f"{bare / 1e6:,.0f} MB", f"{ours / bare:.2f}"]
    shown.add_row(
        what,
        f"{median(count / our.wall for our, _ in found):.2f}",
        f"{median(count / other.wall for _, other in found):.2f}",
        unit,
        f"{median(other.wall / our.wall for our, other in found):.2f}",
        f"{median(other.cpu / our.cpu for our, other in found):.2f}",
        *memory,
    )


if __name__ == "__main__":
    main()
