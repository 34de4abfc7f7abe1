"""The estimate: what each stage of a project takes, from unit costs times amounts of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..query.search.index_build import LARGE_ROWS, MIN_ROWS, partitions_for
from .cards import Card
from .scale import Scale
from .unit_costs import UnitCosts

HOUR = 3600.0
GB = 1e9
STEP_IMAGES = 4
"""Images of an optimiser step that `train_step_flops` is counted for."""
RANK_SAMPLES = 8192
"""Samples whose ranks are counted in one pass over the gallery's vectors."""
FRAGMENT_ROWS = 1 << 20
"""Rows of a fragment after compaction: Lance's default."""
ASSIGNED_AMONG = 2048
"""Partitions among which `assign_seconds` was measured."""


@dataclass(frozen=True)
class Work:
    """What a stage takes, however many machines share it.

    Attributes:
        stage: "customize".
        amount: "18,000 models of 250 steps".
        flops: operations on GPUs.
        core_seconds: of processors that machines share.
        alone_seconds: of the processors of one machine, however many there are.
        alone_read: bytes that one machine reads, however many there are.
        stored: bytes that the store keeps of it.
        read: bytes that machines read from the store or from where images are.
        written: bytes that machines write into the store.
        sources: the unit costs that it rests on.
    """

    stage: str
    amount: str
    flops: float = 0.0
    core_seconds: float = 0.0
    alone_seconds: float = 0.0
    alone_read: float = 0.0
    stored: float = 0.0
    read: float = 0.0
    written: float = 0.0
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageCost:
    """The cost of one stage: hours of all cards, of all cores and of the clock; dollars of the machines."""

    stage: str
    amount: str
    gpu_hours: float
    core_hours: float
    wall_hours: float
    bound_by: str
    storage_gb: float
    network_gb: float
    dollars: float
    sources: str

    def to_dict(self) -> dict[str, Any]:
        """The row that a command prints."""
        return {name: _rounded(getattr(self, name)) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Estimate:
    """The cost of all stages, and the layout that a store of this size has."""

    stages: Sequence[StageCost]
    storage_month: float
    layout: Sequence[str]

    @property
    def total(self) -> StageCost:
        """All stages, one after the other."""

        def add(name: str) -> float:
            return float(sum(getattr(stage, name) for stage in self.stages))

        sums = (add("gpu_hours"), add("core_hours"), add("wall_hours"))
        rest = (add("storage_gb"), add("network_gb"), add("dollars"))
        return StageCost("total", "", *sums, "", *rest, "")


def estimate_costs(scale: Scale, card: Card, costs: UnitCosts) -> Estimate:
    """What a project of this size takes on `scale.gpus` cards of one kind."""
    works = [
        _images(scale, costs),
        _customize(scale, costs),
        _sample(scale, costs),
        _embed(scale, costs),
        _map(scale, costs),
        _index(scale, costs),
        _rank(scale, costs),
    ]
    stages = [_cost(work, scale, card, costs) for work in works]
    month = sum(stage.storage_gb for stage in stages) * costs["storage_price"]
    return Estimate(stages, month, layout_lines(scale, costs))


def _images(scale: Scale, costs: UnitCosts) -> Work:
    count, size = scale.real_images, scale.real_images * costs["gallery_image_bytes"]
    return Work(
        "images",
        f"{count:,.0f} images",
        core_seconds=count / costs["hash"],
        stored=size,
        read=size,
        written=size,
        sources=("hash", "gallery_image_bytes", "read", "write"),
    )


def _customize(scale: Scale, costs: UnitCosts) -> Work:
    steps = scale.iterations * costs["train_step_flops"]
    per_model = steps + scale.views * costs["vae_encode_flops"]
    return Work(
        "customize",
        f"{scale.models:,} models of {scale.iterations} steps of {STEP_IMAGES} images",
        flops=scale.models * per_model,
        stored=scale.models * costs["model_bytes"],
        read=scale.models * scale.exemplars * costs["gallery_image_bytes"],
        written=scale.models * costs["model_bytes"],
        sources=("train_step_flops", "vae_encode_flops", "gpu_share", "model_bytes", "write"),
    )


def _sample(scale: Scale, costs: UnitCosts) -> Work:
    per_image = 2 * scale.steps * costs["unet_forward_flops"] + costs["vae_decode_flops"]
    return Work(
        "sample",
        f"{scale.samples:,} samples of {scale.steps} steps with guidance",
        flops=scale.samples * per_image,
        stored=scale.samples * costs["sample_bytes"],
        read=min(scale.models, scale.samples) * costs["model_bytes"],
        written=scale.samples * costs["sample_bytes"],
        sources=("unet_forward_flops", "vae_decode_flops", "gpu_share", "sample_bytes", "write"),
    )


def _embed(scale: Scale, costs: UnitCosts) -> Work:
    count = scale.vectors * scale.encoders
    pixels = scale.real_images * costs["gallery_image_bytes"] + scale.samples * costs["sample_bytes"]
    vectors = count * _row_bytes(scale, costs)
    return Work(
        "embed",
        f"{scale.vectors:,.0f} images by {scale.encoders} encoders",
        flops=count * costs["encoder_flops"],
        core_seconds=count / costs["decode"],
        stored=vectors,
        read=scale.encoders * pixels,
        written=vectors,
        sources=("encoder_flops", "gpu_share", "decode", "row_bytes", "read", "write"),
    )


def _map(scale: Scale, costs: UnitCosts) -> Work:
    columns = scale.vectors * scale.encoders * scale.mappers
    size = 4.0 * scale.dim * columns
    return Work(
        "map",
        f"{scale.mappers} mapped columns of {scale.encoders} encoders",
        core_seconds=columns * 2 * scale.dim**2 / costs["product_flops"],
        stored=size,
        read=scale.vectors * scale.encoders * 4.0 * scale.dim,
        written=size,
        sources=("product_flops", "read", "write"),
    )


def _index(scale: Scale, costs: UnitCosts) -> Work:
    spaces = scale.encoders * (1 + scale.mappers)
    if scale.real_images < MIN_ROWS:
        return Work("index", f"none for fewer than {MIN_ROWS:,} images")
    numbers = spaces * scale.real_images * scale.dim
    millions = numbers / (1e6 * 512)
    used, size = _index_size(scale, costs)
    if scale.real_images >= LARGE_ROWS:
        used += ("large_index_seconds", "assign_seconds")
        farther = (partitions_for(round(scale.real_images)) / ASSIGNED_AMONG) ** 0.5  # see `Assignment`
        seconds = costs["large_index_seconds"] + farther * costs["assign_seconds"]
    else:
        used += ("index_seconds",)
        seconds = costs["index_seconds"]
    return Work(
        "index",
        f"{spaces} spaces of {scale.real_images:,.0f} images",
        core_seconds=millions * seconds,
        alone_seconds=spaces * costs["recall_seconds"] + millions * costs["recall_row_seconds"],
        alone_read=4.0 * numbers,  # for recall, every vector is compared
        stored=spaces * size,
        read=2 * 4.0 * numbers,  # to assign them, and to build
        written=spaces * size,
        sources=(*used, "recall_seconds", "recall_row_seconds", "read", "write"),
    )


def _index_size(scale: Scale, costs: UnitCosts) -> tuple[tuple[str, ...], float]:
    """The unit costs of the bytes of an index of one space, and how many they are."""
    large = scale.real_images >= LARGE_ROWS
    names = ("large_index_bytes",) if large else ("index_bytes", "code_bytes")
    return names, sum(costs[name] for name in names) * scale.real_images * scale.dim


def _rank(scale: Scale, costs: UnitCosts) -> Work:
    spaces = scale.encoders * (1 + scale.mappers)
    gallery, samples = min(scale.ranked_gallery, scale.gallery), min(scale.evaluated, scale.samples)
    passes = -(-samples // RANK_SAMPLES)
    return Work(
        "eval",
        f"{samples:,} samples among {gallery:,} images in {spaces} spaces",
        core_seconds=spaces * 2.0 * samples * gallery * scale.dim / costs["product_flops"],
        read=spaces * passes * gallery * 4.0 * scale.dim,
        sources=("product_flops", "read"),
    )


def _row_bytes(scale: Scale, costs: UnitCosts) -> float:
    return 4.0 * scale.dim + costs["row_bytes"]


def _cost(work: Work, scale: Scale, card: Card, costs: UnitCosts) -> StageCost:
    """Cards, cores and the network work side by side: the slowest of them decides the time of the clock."""
    gpu = work.flops / (card.half_tflops * 1e12 * costs["gpu_share"]) / HOUR
    cores, alone = work.core_seconds / HOUR, work.alone_seconds / HOUR
    machines = scale.gpus
    shared = work.read / costs["read"] + work.written / costs["write"]
    hours = {
        "GPU": gpu / machines,
        "cores": (cores / machines + alone) / scale.cores,
        "network": shared / machines / HOUR + work.alone_read / costs["read"] / HOUR,
    }
    bound = max(hours, key=lambda name: hours[name])
    wall = hours[bound]
    price = card.dollars_an_hour if work.flops else scale.cores * costs["core_price"]
    return StageCost(
        stage=work.stage,
        amount=work.amount,
        gpu_hours=gpu,
        core_hours=cores + alone,
        wall_hours=wall,
        bound_by=bound if wall else "",
        storage_gb=work.stored / GB,
        network_gb=(work.read + work.alone_read + work.written) / GB,
        dollars=wall * machines * price,
        sources=costs.source(*work.sources),
    )


def layout_lines(scale: Scale, costs: UnitCosts) -> list[str]:
    """How a store of this size is laid out, a fact a line: fragments, partitions, memory to search."""
    rows, images = scale.vectors, round(scale.real_images)
    partitions, fragments = partitions_for(images), -(-rows // FRAGMENT_ROWS)
    _, index = _index_size(scale, costs)
    pieces = f"{fragments:,.0f} fragments of {FRAGMENT_ROWS:,} rows" if fragments > 1 else "one fragment"
    vectors = f"vectors: {rows:,.0f} rows an encoder, {pieces}, {_gigabytes(rows * _row_bytes(scale, costs))}"
    if images < MIN_ROWS:
        return [vectors, f"index: none; fewer than {MIN_ROWS:,} images are all compared"]
    return [
        vectors,
        f"index: {partitions:,} partitions of about {images / partitions:,.0f} images, "
        f"{_gigabytes(index)} a space, which searching keeps in memory as it reads it",
    ]


def _gigabytes(size: float) -> str:
    """A number of bytes with three figures, or all before the point: "1,278 GB"."""
    return f"{size / GB:,.0f} GB" if size >= 100 * GB else f"{size / GB:.3g} GB"


def _rounded(value: Any) -> Any:
    """A number with three figures, as an estimate has no more."""
    return float(f"{value:.3g}") if isinstance(value, float) else value
