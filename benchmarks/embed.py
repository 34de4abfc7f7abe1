"""Speed of the embedding job relative to its parts alone and to torch: ratios, in one run.

    python benchmarks/embed.py [--small] [--only lite0|vit|int8|memory] [--repeats 5]

Images are synthetic, 512 pixels a side, JPEG quality 90, with the spectrum of photographs (about 2 bits a
pixel, as photographs have); all files differ, so that none is embedded for two. `vit-b16` has
random weights: speed does not depend on them.

- `job`: `embed()` from a store of encoded images to committed vectors: loading the encoder, planning,
  reading, decoding, resizing, the network, commits.
- `bare`: `session.run` on one batch of preprocessed pixels, repeatedly, from one caller with a thread a core.
  `lanes`: the same from one caller a core with a thread each, which is how the job runs the network on a CPU:
  what the job would reach if decoding were free.
- `decode`: the same files decoded, resized and normalised by the job's decoder, a thread a core, and nothing
  else. `limit`: what reading for free and the network together could reach: on a CPU, where both share the
  cores, 1 / (1 / lanes + 1 / decode); on a GPU the smaller of `bare` and decoding in the job's processes.
- `torch`: a DataLoader (spawned workers, one a core, started before) over the same files with torchvision's
  transforms, and the same network, eager, in batches of 64.

The machine may be noisy, so the kinds alternate, `bare` before and after every job, and a ratio is the median
of the ratios within a round. `cpu` is the same ratio of processor seconds an image, over all processes and
threads: other load disturbs it less. Memory is the largest resident set of a fresh process. Writes to a
temporary folder only: 1.6 GB for 20,000 images.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from attribase.ingest.embed import embed
from attribase.ingest.embed.decode import DecoderPool, ImageDecoder, Ring
from attribase.ingest.embed.networks import CPU_BATCH, default_workers
from attribase.ingest.encoders import ensure_encoder
from attribase.runtime import PIXEL_LIMIT, OnnxEncoder, load_encoder
from attribase.runtime.devices import core_count
from attribase.store import AttribaseError, Store
from attribase.store.ids import vectors_table
from embed_inputs import ImageFiles, files, fill, random_vit
from rich.console import Console
from rich.table import Table

LITE0, VIT = "efficientnet-lite0", "vit-b16"


@dataclass(frozen=True)
class Cost:
    """Seconds an image."""

    wall: float
    cpu: float


def cost(work: Callable[[], int]) -> Cost:
    """The cost of an image in `work`, which returns how many it did."""
    gc.collect()
    wall, cpu = time.perf_counter(), processor_seconds()
    images = work()
    return Cost((time.perf_counter() - wall) / images, (processor_seconds() - cpu) / images)


def processor_seconds() -> float:
    """Processor seconds of this process and of its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def run_job(store: Store, encoder: str, batch: int) -> int:
    """Embed everything, from no vector at all."""
    shutil.rmtree(store.layout.table(vectors_table(encoder)), ignore_errors=True)
    last = list(embed(store, encoder, batch=batch))[-1]
    assert last.done == last.total == store.count(vectors_table(encoder)) > 0
    return last.done


def run_bare(network: OnnxEncoder, batch: int, images: int, callers: int) -> int:
    """Run preprocessed pixels, `callers` at once."""
    size, each = network.preprocessing.size, max(1, round(images / batch / callers))
    pixels = np.random.default_rng(0).normal(size=(batch, 3, size, size)).astype(np.float32)
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(lambda _: [network.run(pixels) for _ in range(each)], range(callers)))
    return each * callers * batch


def run_decode(network: OnnxEncoder, images: list[bytes], count: int) -> int:
    """Decode `count` images as the job does: on a CPU a thread a core, for a GPU in its processes."""
    decoder, size = ImageDecoder(network.preprocessing, PIXEL_LIMIT), network.preprocessing.size
    chosen = [images[number % len(images)] for number in range(count)]
    if network.device != "cpu":
        ring = Ring.allocate(2, 512, size)
        with closing(DecoderPool(decoder, ring, default_workers(count, gpu=True))) as pool:
            for start in range(0, count, 512):
                pool.decode(start // 512 % 2, chosen[start : start + 512])()
        return count

    def decode_part(part: list[bytes]) -> None:
        out = np.empty((3, size, size), np.float32)
        for data in part:
            decoder.write(data, out)

    with ThreadPoolExecutor(core_count()) as threads:
        list(threads.map(decode_part, [chosen[first :: core_count()] for first in range(core_count())]))
    return count


def loader(folder: Path):
    """Batches of pixels from torch's DataLoader. Its workers start once, in the round that warms up."""
    from torch.utils.data import DataLoader

    how = {"num_workers": core_count(), "multiprocessing_context": "spawn", "persistent_workers": True}
    return DataLoader(ImageFiles(folder, 224, 248), 64, **how)


def run_torch(module, batches) -> int:
    """The network, eager, on the batches of a DataLoader."""
    import torch

    torch.set_num_threads(core_count())
    with torch.inference_mode():
        return sum(len(module(pixels).numpy()) for pixels in batches)


def measure(encoder: str, module, count: int, batches: list[int], repeats: int, shown: Table) -> None:
    """Add rows to the table: one encoder and number of images, at some batch sizes."""
    with tempfile.TemporaryDirectory() as folder:
        store = fill(Path(folder, "store"), count)
        weights = random_vit(Path(folder, "vit.safetensors")) if encoder == VIT else None
        name = ensure_encoder(store, encoder, weights)
        loose = Path(folder, "files")
        loose.mkdir()
        encoded = list(files(min(count, 512)))
        for number, data in enumerate(encoded):
            (loose / f"{number:06}.jpg").write_bytes(data)
        batches64 = loader(loose)
        one, lanes = load_encoder(store, name), load_encoder(store, name, threads=1)
        for batch in batches:
            kinds = {
                "bare": lambda batch=batch: run_bare(one, batch, count // 2, 1),
                "job": lambda batch=batch: run_job(store, name, batch),
                "after": lambda batch=batch: run_bare(one, batch, count // 2, 1),
                "lanes": lambda batch=batch: run_bare(lanes, batch, count // 2, core_count()),
                "decode": lambda: run_decode(one, encoded, count // 2),
            }
            if batch == batches[0]:  # torch has its own batch size
                kinds["torch"] = lambda: run_torch(module, batches64)
            found = alternate(kinds, repeats)
            shown.add_row(encoder, f"{count:,}", str(batch), *table_row(found, one.device == "cpu"))


def alternate(kinds: dict[str, Callable[[], int]], repeats: int) -> dict[str, list[Cost]]:
    """The cost of every kind in every round, after one round that warms up."""
    found: dict[str, list[Cost]] = {name: [] for name in kinds}
    for number in range(repeats + 1):
        for name, work in kinds.items():
            spent = cost(work)
            found[name] += [spent] if number else []
    return found


def table_row(found: dict[str, list[Cost]], cpu: bool) -> list[str]:
    """images/s of the kinds, and their ratios to the job of the same round; `cpu`: where the network is."""
    job = found["job"]
    bare = [
        Cost((one.wall + other.wall) / 2, (one.cpu + other.cpu) / 2)
        for one, other in zip(found["bare"], found["after"], strict=True)
    ]

    def speed(costs: list[Cost]) -> str:
        return f"{1 / statistics.median(one.wall for one in costs):.1f}"

    def ratio(costs: list[Cost], of: str) -> str:
        pairs = zip(costs, job, strict=True)
        return f"{statistics.median(getattr(one, of) / getattr(mine, of) for one, mine in pairs):.2f}"

    torch, pairs = found.get("torch"), list(zip(found["lanes"], bare, found["decode"], strict=True))
    limit = [
        Cost(lane.wall + decode.wall if cpu else max(alone.wall, decode.wall), lane.cpu + decode.cpu)
        for lane, alone, decode in pairs
    ]
    return [
        *(speed(costs) for costs in (job, bare, found["lanes"], found["decode"], limit)),
        speed(torch) if torch else "",
        *(ratio(bare, of) for of in ("wall", "cpu")),
        *(ratio(found["lanes"], of) for of in ("wall", "cpu")),
        *(ratio(limit, of) for of in ("wall", "cpu")),
        ratio(torch, "wall") if torch else "",
    ]


def measure_int8(images: int, repeats: int) -> str:
    """int8 over fp32: the bare network of `vit-b16`, the same batch, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        store = fill(Path(folder, "store"), 128)
        weights = random_vit(Path(folder, "vit.safetensors"))
        ensure_encoder(store, VIT, weights)
        try:
            name = ensure_encoder(store, VIT, precision="int8")
        except AttribaseError as error:
            return f"int8: {error}"
        ratios = []
        networks = load_encoder(store, VIT), load_encoder(store, name)
        for number in range(repeats + 1):
            full, short = (cost(lambda n=n: run_bare(n, CPU_BATCH, images, 1)) for n in networks)
            ratios += [full.wall / short.wall] if number else []
    return f"int8 over fp32, {VIT}, bare network: {statistics.median(ratios):.2f} times as fast"


def measure_memory(counts: list[int]) -> str:
    """The largest resident set of a job of each size, in a process of its own."""
    results = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            ensure_encoder(fill(Path(folder), count), LITE0)
            command = [sys.executable, __file__, "--child", folder]
            out = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(out.stdout.splitlines()[-1])
            results.append("{images:,} images {peak:.0f} MB (before {before:.0f} MB)".format(**found))
    return "memory of the job: " + ", ".join(results)


def child(folder: str) -> None:
    """The process that `measure_memory` starts."""
    before = peak_megabytes()
    done = list(embed(Store.open(folder), LITE0))[-1].done
    print(json.dumps({"images": done, "before": before, "peak": peak_megabytes()}))


def peak_megabytes() -> float:
    """The largest resident set of this program. (`getrusage` counts the parent's, too.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def modules(names: list[str]) -> dict[str, object]:
    """The torch networks."""
    import timm
    from attribase.ingest.encoders import get_encoder

    found: dict[str, object] = {}
    if LITE0 in names:
        found[LITE0] = get_encoder(LITE0).load(None)
    if VIT in names:
        found[VIT] = timm.create_model("vit_base_patch16_224", pretrained=False, num_classes=0).eval()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a tenth of the images, two rounds")
    parser.add_argument("--only", choices=["lite0", "vit", "int8", "memory"], action="append")
    parser.add_argument("--repeats", type=int, help="rounds")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return child(given.child)
    chosen, share = given.only or ["lite0", "vit", "int8", "memory"], 10 if given.small else 1
    repeats = given.repeats or (2 if given.small else 5)
    shown = Table(title=f"images/s and ratios, {core_count()} cores, median of {repeats} rounds")
    for name in ("encoder", "images", "batch", "job", "bare", "lanes", "decode", "limit", "torch"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in ("job/bare", "cpu", "job/lanes", "cpu", "job/limit", "cpu", "job/torch"):
        shown.add_column(name, justify="right", no_wrap=True)
    if "lite0" in chosen:
        module = modules([LITE0])[LITE0]
        for count in (2000, 8000):
            batches = [CPU_BATCH, 64] if count == 2000 else [CPU_BATCH]
            measure(LITE0, module, count // share, batches, repeats, shown)
    if "vit" in chosen:
        module = modules([VIT])[VIT]
        for count in (160, 480):
            measure(VIT, module, count // share, [CPU_BATCH], repeats, shown)
    console = Console(width=160)
    if shown.rows:
        console.print(shown)
    if "int8" in chosen:
        console.print(measure_int8(160 // share, repeats))
    if "memory" in chosen:
        console.print(measure_memory([2000 // share, 20000 // share]))
    return None


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
