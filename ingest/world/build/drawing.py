"""Draw the looks of every icon, and their captions as tokens, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ....runtime.devices import core_count
from ....runtime.tasks import WorkerTask
from ....store.errors import InvalidInputError
from ....store.ids import content_id, key_id
from ....store.jobs import Step
from ...workers import run_tasks
from .captions import caption
from .corpus import Corpus, load_corpus
from .looks import choose_look, render
from .row_arrays import RowArrays, load_rows
from .tokenizer import load_tokenizer

_ICONS_A_TASK = 16


@dataclass(frozen=True)
class DrawConfig:
    """What to draw.

    Attributes:
        looks: of an icon; the first is the plain icon, see `looks.choose_look`.
        captions: of a look.
        seed: of everything random. Of more looks, with as many captions each, the first are the same.
        workers: processes; None is one a core, 0 draws in this process.
    """

    looks: int = 80
    captions: int = 6
    seed: int = 0
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.looks < 1 or self.captions < 1:
            raise InvalidInputError(
                f"cannot draw {self.looks} looks with {self.captions} captions each", hint="use 1 or more"
            )


@dataclass(frozen=True)
class Looks:
    """All looks of all icons.

    Attributes:
        images: uint8 (icons, looks, size, size, 3), the plain icon first.
        tokens: int16 (icons, looks, captions, 20), token ids of captions.
        digest: of what they were drawn from and how.
    """

    images: npt.NDArray[np.uint8]
    tokens: npt.NDArray[np.int16]
    digest: str


def draw_looks(work: Path, config: DrawConfig) -> Iterator[Step]:
    """Draw work/looks, going on where an earlier call with the same settings stopped.

    Raises:
        NotFoundError: icons or tokenizer are missing. LimitError: the disk has too little space.
    """
    corpus = _load_corpus(work)
    tokenizer = load_tokenizer(work / "tokenizer")
    count, size = corpus.icons.shape[:2]
    specs = {
        "images": ((count, config.looks, size, size, 3), "uint8"),
        "tokens": ((count, config.looks, config.captions, tokenizer.model_max_length), "int16"),
    }
    settings = {
        "icons": content_id((work / "icons.npy").read_bytes()),
        "tokenizer": content_id((work / "tokenizer" / "tokenizer.json").read_bytes()),
        "seed": config.seed,
    }
    arrays = RowArrays(work / "looks", specs, settings)
    blocks = [slice(start, min(start + _ICONS_A_TASK, count)) for start in range(0, count, _ICONS_A_TASK)]
    tasks = [
        WorkerTask(f"{block.start}", f"icons {block.start} to {block.stop}", block)
        for block in blocks
        if not arrays.done[block].all()
    ]
    workers = core_count() if config.workers is None else config.workers
    drawn = run_tasks(drawer, (work, config), iter(tasks), count=len(tasks), workers=workers)
    for task, (images, tokens) in drawn:
        arrays.write(task.payload, {"images": images, "tokens": tokens})
        yield Step("looks", int(arrays.done.sum()), count)


def drawer(
    shared: tuple[Path, DrawConfig], _device: str
) -> Callable[[slice], tuple[npt.NDArray[np.uint8], npt.NDArray[np.int16]]]:
    """A worker's function: a range of icons to their looks and tokens. No device is used."""
    work, config = shared
    corpus, tokenizer = _load_corpus(work), load_tokenizer(work / "tokenizer")

    def draw(rows: slice) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int16]]:
        drawn = [draw_icon(corpus, index, config) for index in range(rows.start, rows.stop)]
        length = tokenizer.model_max_length
        texts = [text for _, captions in drawn for text in captions]
        ids = tokenizer(texts, padding="max_length", truncation=True, max_length=length)["input_ids"]
        tokens = np.asarray(ids, np.int16).reshape(len(drawn), config.looks, config.captions, length)
        return np.stack([images for images, _ in drawn]), tokens

    return draw


def draw_icon(corpus: Corpus, index: int, config: DrawConfig) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """The looks of one icon, uint8 (looks, size, size, 3), and their captions, look after look."""
    rng = np.random.default_rng([config.seed, index])
    icon, images, captions = corpus.icon(index), [], []
    for number in range(config.looks):
        look, jitter = choose_look(number, rng)
        images.append(np.round(render(icon, look, rng, jitter=jitter) * 255).astype(np.uint8))
        captions += [caption(corpus.subjects[index], look, rng) for _ in range(config.captions)]
    return np.stack(images), captions


def load_looks(work: Path) -> Looks:
    """What `draw_looks` drew. Raises NotFoundError when it has not, or not all."""
    arrays, settings = load_rows(work / "looks", "looks")
    return Looks(arrays["images"], arrays["tokens"], key_id(settings, arrays["tokens"].shape))


def _load_corpus(work: Path) -> Corpus:
    return load_corpus(work / "world.parquet", work / "icons.npy")
