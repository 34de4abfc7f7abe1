"""Every method on every kind of base that it takes: what changes, the file, time and memory of training.

    python benchmarks/customize_kinds.py [--steps 20] [--kinds sd sdxl sd3 flux world]

The embedded world is trained at 64 pixels; the other kinds are pipelines of their own classes with random
weights and widths of 8 to 32 at 8 pixels (`tiny_pipelines.py`), so that rows say what a method does to a
kind, and times are mostly the overhead of a step. Batches of two, one thread.

- `tensors`, `values`, `file`: what is stored of a model, as it is stored.
- `of the base`: the values in percent of those of the network that they change or stand beside.
- `ms a step`: processor time of `--steps` optimiser steps, after two that are not counted.
- `memory`: the most bytes of tensors in use while training, beyond those in use before it; summed from all
  allocations that torch's profiler records, so the same in every run.
- `read by`: the call of stock diffusers that reads the exported file. The tests of
  `tests/ingest/customize/methods` draw the same pixels with it as our sampler.

Writes to a temporary folder only.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import attribase  # noqa: F401  first, as users do
import numpy as np
import torch
from attribase.ingest.customize.generator import load_generator
from attribase.ingest.customize.methods import METHODS
from attribase.ingest.customize.train import train
from attribase.ingest.customize.weights import pack
from attribase.ingest.specs import ModelSpec
from attribase.ingest.world import model_path
from clock import cost_of
from PIL import Image
from rich.console import Console
from rich.table import Table
from tiny_pipelines import flux_pipeline, sd3_pipeline, sdxl_pipeline, tiny_pipeline, tiny_tokenizer

KINDS: dict[str, Callable[[], Any]] = {
    "sd": tiny_pipeline,
    "sdxl": lambda: sdxl_pipeline((tiny_tokenizer(), tiny_tokenizer())),
    "sd3": lambda: sd3_pipeline((tiny_tokenizer(), tiny_tokenizer())),
    "flux": lambda: flux_pipeline((tiny_tokenizer(), tiny_tokenizer())),
}
READERS = {
    "custom-diffusion": "load_attn_procs, load_textual_inversion",
    "textual-inversion": "load_textual_inversion",
    "lora": "load_lora_weights",
    "dreambooth-lora": "load_lora_weights",
    "dreambooth": "UNet2DConditionModel.from_pretrained",
    "captioned": "load_attn_procs",
}


def main() -> None:
    """Train a model by every method on every kind, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--kinds", nargs="+", default=[*KINDS, "world"], choices=[*KINDS, "world"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    columns = ("method", "base", "tensors", "values", "of the base", "file", "ms a step", "memory", "read by")
    shown = Table(*columns)
    with tempfile.TemporaryDirectory() as folder:
        bases = {kind: _base(kind, Path(folder) / kind) for kind in options.kinds}
        for method in METHODS.values():
            for kind in bases:
                if kind in method.defaults:
                    shown.add_row(*_row(method, kind, bases[kind], options.steps))
    Console(width=170).print(shown)


def _base(kind: str, folder: Path) -> Path:
    if kind == "world":
        return model_path()
    KINDS[kind]().save_pretrained(folder)
    return folder


def _row(method: Any, kind: str, base: Path, steps: int) -> list[str]:
    generator = load_generator(base, "<new1>")
    side = 64 if kind == "world" else 8
    settings = {**method.defaults[kind], "iterations": steps, "batch_size": 2, "resolution": side, "views": 2}
    config = method.config(str(base), **settings)
    prompt = "a cat" if method.name == "captioned" else "V* cat"
    spec = ModelSpec("object", "cat", "cat", "object", "train", ("x",), (prompt,), (), method.name)
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    images = [Image.fromarray(pixels)]

    def training(count: int) -> Callable[[], None]:
        return lambda: train(generator, spec, images, replace(config, iterations=count))

    training(2)()
    few = cost_of(training(2), "cpu").cpu
    memory = peak_of_tensors(training(2))
    many = cost_of(training(2 + steps), "cpu").cpu
    tensors = method.extract(generator, config)
    values = sum(tensor.numel() for tensor in tensors.values() if tensor.is_floating_point())
    whole = sum(parameter.numel() for parameter in _changed(generator, method).parameters())
    return [
        method.name,
        kind,
        f"{len(tensors)}",
        f"{values:,}",
        f"{100 * values / whole:.1f}%",
        f"{len(pack(tensors, method.metadata(config, 'base', tensors))) / 1e3:,.1f} kB",
        f"{1e3 * (many - few) / steps:.1f}",
        f"{memory / 1e6:,.2f} MB",
        READERS[method.name],
    ]


def _changed(generator: Any, method: Any) -> Any:
    """The part whose values are trained or stood beside."""
    return generator.encoders[0].model if method.name == "textual-inversion" else generator.network


def peak_of_tensors(work: Callable[[], Any]) -> int:
    """The most bytes of tensors on the CPU in use during `work`, beyond those before."""
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profile:
        work()
    events = [one for one in profile.profiler.kineto_results.events() if one.name() == "[memory]"]
    used = peak = 0
    for event in sorted(events, key=lambda one: one.start_ns()):
        used += event.nbytes()
        peak = max(peak, used)
    return peak


if __name__ == "__main__":
    main()
