"""The training corpus: the gallery's icons, the subjects of their captions, and every word of captions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ....store.errors import ConflictError, NotFoundError
from .backgrounds import COLOURS, Rgba
from .captions import COLOUR_PHRASES, FILLERS, OPENINGS, SCENE_PHRASES, VERBS, Subject
from .concepts import CATEGORIES
from .looks import PLACEMENTS
from .media import MEDIA
from .sets import SETS, get_set

_COMMON = """
    an a the of in on and with as white background painting portrait image style art artist drawn by
    from near under over big large very two three many some this that its his her my our tree house
    road river lake hill mountain table shelf window street city garden field farm kitchen wall door
    light shadow warm cold bright dark morning evening summer winter spring autumn rain wind fog
    cloud flowers grass running walking sleeping flying swimming looking playing eating parked
    driving growing blooming served floating hanging shining glowing high low deep far close beside
    behind above below between front back left right top bottom
"""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The gallery: `icons` uint8 (n, size, size, 4), straight alpha; `subjects` in the same order."""

    icons: npt.NDArray[np.uint8]
    subjects: tuple[Subject, ...]

    def icon(self, index: int) -> Rgba:
        """One icon as floats in [0, 1]."""
        icon: Rgba = (self.icons[index] / 255).astype(np.float32)
        return icon


def load_corpus(parquet: Path, icons_file: Path) -> Corpus:
    """The gallery, as `rasterise` wrote it.

    Raises:
        NotFoundError: a file is missing. ConflictError: the two files are of different builds.
    """
    for path in (parquet, icons_file):
        _check_rasterised(path)
    icons = np.load(icons_file, allow_pickle=False)
    table = pq.read_table(parquet, columns=["name", "category", "set", "role"])
    rows = table.filter(pc.equal(table["role"], "gallery")).to_pylist()
    if len(rows) != len(icons):
        raise ConflictError(
            f"{parquet.name} has {len(rows)} gallery images, {icons_file.name} {len(icons)}",
            hint="run the `rasterise` step again: it writes both",
        )
    subjects = []
    for row in rows:
        spec = get_set(row["set"])
        subjects.append(Subject(row["name"], row["category"], spec.spoken, spec.drawing))
    return Corpus(icons, tuple(subjects))


def read_names(parquet: Path) -> list[str]:
    """The names of all images, as `rasterise` wrote them. Raises NotFoundError when it has not."""
    _check_rasterised(parquet)
    names: list[str] = pq.read_table(parquet, columns=["name"])["name"].to_pylist()
    return names


def count_words(names: Iterable[str]) -> Counter[str]:
    """Every word of captions and prompts with its count: words counted more often become one token first."""
    counts: Counter[str] = Counter()
    for name in names:
        counts.update(_split_words(name))
    spoken = [phrase for phrases in SCENE_PHRASES.values() for phrase in phrases]
    spoken += [
        *COLOUR_PHRASES,
        *VERBS,
        *OPENINGS,
        *FILLERS,
        *COLOURS,
        *MEDIA,
        *PLACEMENTS,
        *CATEGORIES,
        _COMMON,
    ]
    for spec in SETS:
        spoken += [spec.spoken, spec.drawing]
    for phrase in spoken:
        for word in _split_words(phrase):
            counts[word] += 5
    return counts


def _split_words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]", text.lower())


def _check_rasterised(path: Path) -> None:
    if not path.exists():
        raise NotFoundError(f"no {path.name} in {path.parent}", hint="run the `rasterise` step first")
