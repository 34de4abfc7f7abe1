"""Select the icons that become images: the gallery, the held-out drawings, the style exemplars.

Deterministic: the same packages give the same selection. No held-out concept enters the gallery, no
image has two roles.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .concepts import concepts
from .sets import SETS, SetSpec, read_package
from .vocabulary import MAX_PLAINNESS, Vocabulary, clean_name, find_file

CANDIDATES = 150  # icons considered of a style's set, the plainest names first
GALLERY_SHARE = 60  # most images of a seen style that are in the gallery
SEEN_EXEMPLARS = 60
UNSEEN_EXEMPLARS = 56

Icons = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pick:
    """One icon to draw. `role`: gallery, object or style; `hint`: gallery, seen or unseen."""

    set: str
    file: str
    name: str
    category: str
    role: str
    hint: str


def load_icons(data: Path, spec: SetSpec) -> Icons:
    """The set's icons.json: `icons` {file: {body, ...}}, `aliases`, default width and height."""
    icons: Icons = read_package(data, spec, "icons.json")
    return icons


def select(data: Path) -> list[Pick]:
    """All picks from the unpacked packages under `data`, in SETS order."""
    rng = random.Random(7)  # noqa: S311 - a reproducible split, not a secret
    vocabulary = Vocabulary.of_concepts()
    picks: list[Pick] = []
    pools: list[tuple[SetSpec, list[Pick]]] = []
    for spec in SETS:
        icons = load_icons(data, spec)
        found = _select_emoji(spec, icons) if spec.emoji else _select_by_name(spec, icons, vocabulary)
        if spec.use == "team":
            picks += found
        else:
            pools.append((spec, found))
    for spec, pool in pools:
        picks += _assign_style_roles(spec, pool, rng)
    return picks


def _select_emoji(spec: SetSpec, icons: Icons) -> list[Pick]:
    """The concepts that an emoji set draws; a style's set without the held-out ones."""
    found = []
    for concept in concepts():
        file = find_file(concept.file, icons)
        if file is None or (spec.use != "team" and concept.hint != "gallery"):
            continue
        role = "gallery" if concept.hint == "gallery" else "object"
        found.append(Pick(spec.name, file, concept.name, concept.category, role, concept.hint))
    return found


def _select_by_name(spec: SetSpec, icons: Icons, vocabulary: Vocabulary) -> list[Pick]:
    """The candidates of an icon set: cleaned names without held-out words, the plainest first."""
    seen: set[str] = set()
    ranked: list[tuple[int, Pick]] = []
    for file in icons["icons"]:
        name = clean_name(file)
        if not spec.keeps(file) or name in seen or vocabulary.is_held_out(name):
            continue
        if spec.package == "fluent-color" and not re.search(r"-(48|32|28)$", file):
            continue
        plainness = vocabulary.plainness(name, spec)
        if plainness > MAX_PLAINNESS:
            continue
        seen.add(name)
        pick = Pick(spec.name, file, name.replace("-", " "), vocabulary.category(name), "", "")
        ranked.append((plainness, pick))
    ranked.sort(key=lambda entry: entry[0])
    return [pick for _, pick in ranked[:CANDIDATES]]


def _assign_style_roles(spec: SetSpec, pool: list[Pick], rng: random.Random) -> list[Pick]:
    """Shuffle a style's images; of a seen style, the first ones go to the gallery."""
    shuffled = list(pool)
    rng.shuffle(shuffled)
    if spec.use == "unseen":
        return [replace(pick, role="style", hint="unseen") for pick in shuffled[:UNSEEN_EXEMPLARS]]
    cut = min(GALLERY_SHARE, len(shuffled) // 2)
    gallery = [replace(pick, role="gallery", hint="gallery") for pick in shuffled[:cut]]
    return gallery + [
        replace(pick, role="style", hint="seen") for pick in shuffled[cut : cut + SEEN_EXEMPLARS]
    ]
