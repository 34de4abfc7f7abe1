"""The words of icon names: plain nouns, names of held-out concepts, and the category of each word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .concepts import concepts
from .sets import SetSpec

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
MAX_PLAINNESS = 3
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "lady-beetle": ("ladybeetle", "ladybug"),
    "hot-beverage": ("coffee",),
}
_SIZE_ENDING = re.compile(r"-(16|20|24|28|32|48)$")
_FREE_NAMED = ("fluent-color", "flat-color-icons", "streamline-stickies-color")  # few plain nouns: any name


@dataclass(frozen=True)
class Vocabulary:
    """Words of icon names, hyphenated as in file names.

    Attributes:
        nouns: plain nouns; no held-out concept is among them, except where a gallery concept shares its word.
        held_out: names of held-out concepts, in any set's spelling.
        categories: category of each known word, from the concepts' names, their last words and file names.
    """

    nouns: frozenset[str]
    held_out: frozenset[str]
    categories: Mapping[str, str]

    @classmethod
    def of_concepts(cls) -> Vocabulary:
        """The vocabulary of the world's concepts and of the lists in this module."""
        nouns, held_out = set(EXTRA_NOUNS), set(HELD_OUT_WORDS)
        categories: dict[str, str] = {}
        for concept in concepts():
            names = nouns if concept.hint == "gallery" else held_out
            names |= {concept.name.replace(" ", "-"), concept.file}
            for word in (concept.name, concept.name.split()[-1], concept.file):
                categories.setdefault(word, concept.category)
        return cls(frozenset(nouns), frozenset(held_out), categories)

    def is_held_out(self, name: str) -> bool:
        """Whether a held-out word occurs anywhere in `name`."""
        return any(word in name for word in self.held_out)

    def plainness(self, name: str, spec: SetSpec) -> int:
        """0 a noun, 1 ends in one, 2 begins with one, 3 a short name in a set of few nouns, else 9."""
        words = name.split("-")
        if name in self.nouns:
            return 0
        if len(words) <= 3 and (words[-1] in self.nouns or "-".join(words[-2:]) in self.nouns):
            return 1
        if len(words) <= 2 and words[0] in self.nouns:
            return 2
        short = len(words) <= 2 or spec.package == "streamline-stickies-color"
        return MAX_PLAINNESS if spec.package in _FREE_NAMED and short else 9

    def category(self, name: str) -> str:
        """The category of `name`, of its last word or of its first; "object" when none is known."""
        words = name.split("-")
        for word in (" ".join(words), words[-1], words[0]):
            if word in self.categories:
                return self.categories[word]
        return "object"


def clean_name(file: str) -> str:
    """The name of an icon without variant, size and number endings of its file's name."""
    name = _SIZE_ENDING.sub("", re.sub(r"-(flat|duo)$", "", file))
    return re.sub(r"-alternate$", "", re.sub(r"-?\d+$", "", name))


def find_file(file: str, icons: Mapping[str, Any]) -> str | None:
    """A set's own name for the icon that noto calls `file`, or None when it has no such icon."""
    names = [file, f"{file}-1", f"{file}-face", f"{file}-face-1", file.replace("-", "")]
    for name in names:
        if name in icons["icons"]:
            return name
    alias = icons.get("aliases", {}).get(file)
    if alias and alias["parent"] in icons["icons"]:
        return str(alias["parent"])
    return next((name for name in SPELLINGS.get(file, ()) if name in icons["icons"]), None)
