"""Which icon of which set becomes which image: the gallery, the held-out drawings, the style exemplars.

Deterministic: the same packages give the same selection. No held-out concept enters the gallery, no
image has two roles.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .concepts import Concept, concepts
from .sets import SETS, SetSpec

_PLAIN = """
    airship astronaut baby bag ball bench binoculars bin bottle brain brush building cactus cake
    calculator cassette chef chess clock compass cone cpu cup desk diamond dino drone drill ear
    earth egg eye factory farm finger fingerprint flag foot fork gift glove hand hanger headset
    heart helmet home jar joker juice lamp lighter lock lotus magnet map mask mat milk mine moon
    mountain mouse mug nail needle nurse office oven paint pan passport pen phone picture pipe plane
    plant plate player police pot potion projector rocket roller sail saw saxophone screw
    screwdriver seat shirt shovel skateboard skirt smiley soap sofa spoon spray stamp store stove
    suitcase swimsuit sword syringe table tablet tank taxi tooth torch towel toy tree tv utensil
    vase wallet warehouse wheel whistle wind windmill wing wizard worm yacht zip trophy chip cloud
    lantern basket barrel anvil bandage kettle knife lab medal microscope parrot pyramid soldier
    sprout statue surfboard truck tractor volcano tent toilet gun grenade fence feather shark horse
    cow pig duck spider snake bee fish bird cat dog lion monkey elephant whale crab deer frog mouse
    bat bear rabbit rose tulip leaf cherry banana pear grape corn burger icecream noodle bacon steak
    chicken candy pie popsicle pretzel soup tea wine beer cocktail coffee champagne bread cheese
    carrot lettuce onion pepper potato tomato radish apple orange lemon lime melon peach
"""
_HELD_OUT = """
    bike bot bulb burger cherry cup-cake donut grape idea lightbulb plant tv whale tiger-head tiger-face
    umbrella key
"""

EXTRA_NOUNS = tuple(_PLAIN.split())
HELD_OUT_WORDS = tuple(_HELD_OUT.split())

CANDIDATES = 150  # icons considered of a style's set, the plainest names first
GALLERY_SHARE = 60  # at most as many images of a seen style are in the gallery
SEEN_EXEMPLARS = 60
UNSEEN_EXEMPLARS = 56
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "lady-beetle": ("ladybeetle", "ladybug"),
    "hot-beverage": ("coffee",),
}
_SIZE_ENDING = re.compile(r"-(16|20|24|28|32|48)$")
_FREE_NAMED = (
    "fluent-color",
    "flat-color-icons",
    "streamline-stickies-color",
)  # few plain nouns: take any name


@dataclass(frozen=True, slots=True)
class Pick:
    """One icon to draw. `role`: gallery, object or style; `hint`: gallery, seen or unseen."""

    set: str
    file: str
    name: str
    category: str
    role: str
    hint: str


Icons = Mapping[str, Any]


def load_icons(data: Path, spec: SetSpec) -> Icons:
    """The set's icons.json: `icons` {file: {body, ...}}, `aliases`, default width and height."""
    icons: Icons = json.loads((data / spec.package / "icons.json").read_text())
    return icons


def select(data: Path) -> list[Pick]:
    """All picks from the unpacked packages under `data`, in SETS order."""
    rng = random.Random(7)  # noqa: S311 - a reproducible split, not a secret
    categories = _categories()
    picks: list[Pick] = []
    pools: list[tuple[SetSpec, list[Pick]]] = []
    for spec in SETS:
        icons = load_icons(data, spec)
        found = _emoji(spec, icons) if spec.emoji else _icon_names(spec, icons, categories)
        if spec.use == "team":
            picks += found
        else:
            pools.append((spec, found))
    for spec, pool in pools:
        picks += _split_style(spec, pool, rng)
    return picks


def _split_style(spec: SetSpec, pool: list[Pick], rng: random.Random) -> list[Pick]:
    """Shuffle a style's images; a seen style gives its first ones to the gallery."""
    shuffled = list(pool)
    rng.shuffle(shuffled)
    if spec.use == "unseen":
        return [replace(pick, role="style", hint="unseen") for pick in shuffled[:UNSEEN_EXEMPLARS]]
    cut = min(GALLERY_SHARE, len(shuffled) // 2)
    gallery = [replace(pick, role="gallery", hint="gallery") for pick in shuffled[:cut]]
    return gallery + [
        replace(pick, role="style", hint="seen") for pick in shuffled[cut : cut + SEEN_EXEMPLARS]
    ]


def _emoji(spec: SetSpec, icons: Icons) -> list[Pick]:
    """The concepts that an emoji set draws; sets that are styles leave the held-out ones out."""
    found = []
    for concept in concepts():
        file = find_file(concept.file, icons)
        if file is None or (spec.use != "team" and concept.hint != "gallery"):
            continue
        role = "gallery" if concept.hint == "gallery" else "object"
        found.append(Pick(spec.name, file, concept.name, concept.category, role, concept.hint))
    return found


def find_file(file: str, icons: Icons) -> str | None:
    """The set's own spelling of noto's file name, or None."""
    names = [file, f"{file}-1", f"{file}-face", f"{file}-face-1", file.replace("-", "")]
    for name in names:
        if name in icons["icons"]:
            return name
    alias = icons.get("aliases", {}).get(file)
    if alias and alias["parent"] in icons["icons"]:
        return str(alias["parent"])
    return next((name for name in SPELLINGS.get(file, ()) if name in icons["icons"]), None)


def _icon_names(spec: SetSpec, icons: Icons, categories: Mapping[str, str]) -> list[Pick]:
    """The candidates of an icon set: cleaned names, no held-out word, the plainest first."""
    nouns = _nouns()
    seen: set[str] = set()
    ranked: list[tuple[int, Pick]] = []
    for file in icons["icons"]:
        name = clean_name(file)
        if not spec.keeps(file) or name in seen or any(word in name for word in _held_out_words()):
            continue
        if spec.package == "fluent-color" and not re.search(r"-(48|32|28)$", file):
            continue
        plainness = _plainness(name, nouns, spec)
        if plainness > 3:
            continue
        seen.add(name)
        ranked.append(
            (plainness, Pick(spec.name, file, name.replace("-", " "), _category(name, categories), "", ""))
        )
    ranked.sort(key=lambda entry: entry[0])
    return [pick for _, pick in ranked[:CANDIDATES]]


def clean_name(file: str) -> str:
    """The name without variant, size and number endings."""
    name = _SIZE_ENDING.sub("", re.sub(r"-(flat|duo)$", "", file))
    return re.sub(r"-alternate$", "", re.sub(r"-?\d+$", "", name))


def _plainness(name: str, nouns: set[str], spec: SetSpec) -> int:
    """0 a known noun, 1 ends in one, 2 begins with one, 3 a short name of a free-named set, 9 none."""
    words = name.split("-")
    if name in nouns:
        return 0
    if len(words) <= 3 and (words[-1] in nouns or "-".join(words[-2:]) in nouns):
        return 1
    if len(words) <= 2 and words[0] in nouns:
        return 2
    short = len(words) <= 2 or spec.package == "streamline-stickies-color"
    return 3 if spec.package in _FREE_NAMED and short else 9


def _nouns() -> set[str]:
    gallery = [concept for concept in concepts() if concept.hint == "gallery"]
    own = {concept.name.replace(" ", "-") for concept in gallery} | {concept.file for concept in gallery}
    return own | set(EXTRA_NOUNS)


def _held_out_words() -> set[str]:
    held = [concept for concept in concepts() if concept.hint != "gallery"]
    return {concept.name.replace(" ", "-") for concept in held} | {c.file for c in held} | set(HELD_OUT_WORDS)


def _categories() -> dict[str, str]:
    """Word -> category, from the concepts' names, their last words and file names."""
    known: dict[str, str] = {}
    for concept in concepts():
        for word in (concept.name, concept.name.split()[-1], concept.file):
            known.setdefault(word, concept.category)
    return known


def _category(name: str, known: Mapping[str, str]) -> str:
    words: Sequence[str] = name.split("-")
    for word in (" ".join(words), words[-1], words[0]):
        if word in known:
            return known[word]
    return "object"


__all__ = ["Concept", "Pick", "clean_name", "find_file", "load_icons", "select"]
