"""Further captions of the world's images: what its generator was trained to read of an icon as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CAPTIONS = 5
"""Captions of an image, with the stored one: as many as COCO has of a photograph."""

_TRIES = 200


def world_captions(caption: str, category: str, metadata: Mapping[str, Any]) -> list[str]:
    """CAPTIONS different captions of one image, the stored one first; the same each time.

    The others are drawn from the grammar of the generator's training captions, of the icon as it is on white:
    they name it in other words, with or without its style.

    Raises KeyError when `metadata` is not that of an image of the world.
    """
    import numpy as np

    from ...store.ids import content_id
    from .build.captions import Subject
    from .build.captions import caption as draw
    from .build.looks import Look
    from .build.sets import get_set

    drawn_as = get_set(metadata["set"])
    subject = Subject(metadata["name"], category, drawn_as.spoken, drawn_as.drawing)
    seed = content_id(f"{drawn_as.name}/{subject.name}".encode())
    rng = np.random.default_rng(int(seed[:16], 16))
    found = [caption]
    for _ in range(_TRIES):
        text = draw(subject, Look(), rng)
        if subject.name in text and text not in found:
            found.append(text)
        if len(found) == CAPTIONS:
            break
    return found
