"""The prompts that the planned models are sampled with: written captions, media, and objects in a style.

Train prompts (validation shares them) and test prompts never coincide: test captions name scenes and
colours that no train caption does (sunset, desert, forest, dots; purple, brown, orange), test media are
other media. Some captions leave the background white. All of the scenes are in the generator's captions.
`{concept}` becomes "V* <category>" for objects; for styles the captions end in "in the style of V* art".
"""

from __future__ import annotations

from collections.abc import Mapping

from ...store.errors import InvalidInputError
from ..specs import TOKEN

_ANYWHERE_TRAIN = (
    "a photo of a cute {concept}",
    "a small {concept} alone",
    "a close up of {concept}",
    "a drawing of an old {concept}",
    "a tilted {concept}",
    "one new {concept} on a white background",
    "a nice {concept} on a green meadow under a blue sky",
    "{concept} alone on a sandy beach",
    "{concept} standing under a starry night sky",
    "a picture of {concept} floating in dark space",
    "a cute {concept} on a striped background",
    "{concept} placed on a checkered cloth",
    "a small {concept} inside a small room",
    "{concept} in front of a blue wall",
    "a photo of {concept} on yellow paper",
    "a lovely {concept} on a pink background",
)
_ANYWHERE_TEST = (
    "an icon of a beautiful {concept}",
    "a tiny {concept}",
    "a picture of the single {concept} on a white background",
    "a drawing of a funny {concept}",
    "a beautiful {concept} in front of a red evening sky",
    "{concept} left on dry desert sand",
    "a simple {concept} among green trees",
    "{concept} on dotted paper",
    "a little {concept} in front of a purple wall",
    "{concept} standing on a brown background",
)

_TRAIN: Mapping[str, tuple[str, ...]] = {
    "animal": (
        "{concept} resting on the grass",
        "{concept} sitting on the floor at home",
        "a funny {concept} hiding in a sunny meadow",
        "{concept} waiting on a cold winter day",
        "an icon of {concept} floating in the ocean",
        "{concept} standing on the beach by the sea",
    ),
    "plant": (
        "{concept} standing on the grass",
        "a single {concept} in a sunny meadow",
        "{concept} at home on the floor",
        "a {concept} on a cold winter day",
        "{concept} on green paper",
        "a drawing of {concept} on the sand on a summer day",
    ),
    "food": (
        "{concept} placed on a checkered background",
        "{concept} left on the grass in a sunny meadow",
        "a new {concept} on striped paper",
        "{concept} on the sand on a summer day",
        "a picture of {concept} on a red background",
        "one {concept} resting on a wooden floor",
    ),
    "vehicle": (
        "{concept} waiting on the grass",
        "an old {concept} in the dark night",
        "{concept} left on a cold winter day",
        "{concept} on the open sea",
        "a new {concept} high among white clouds",
        "{concept} standing on the beach by the sea",
    ),
    "building": (
        "{concept} standing in a sunny meadow",
        "an old {concept} at night under the moon",
        "{concept} on a cold winter day",
        "{concept} on the beach by the sea",
        "a drawing of {concept} high among white clouds",
        "{concept} on blue paper",
    ),
    "object": (
        "{concept} lying on the grass",
        "an old {concept} at home on the floor",
        "{concept} left in the snow",
        "{concept} on the sand on a summer day",
        "one {concept} in front of a green wall",
        "a new {concept} on a gray background",
    ),
    "toy": (
        "{concept} lying in a sunny meadow",
        "an old {concept} in a room on a wooden floor",
        "{concept} left in the snow",
        "{concept} on the sand on a summer day",
        "one {concept} in front of a red wall",
        "a new {concept} on green paper",
    ),
    "face": (
        "{concept} hiding in the dark night",
        "a funny {concept} in a room on a wooden floor",
        "{concept} alone in outer space",
        "{concept} sitting in a sunny meadow",
        "one {concept} in front of a yellow wall",
        "a cute {concept} on blue paper",
    ),
}
_TEST: Mapping[str, tuple[str, ...]] = {
    "animal": (
        "{concept} sitting in a dark forest",
        "a lovely {concept} in the warm evening sun",
        "{concept} waiting in a hot desert",
    ),
    "plant": (
        "{concept} in a dark forest",
        "a lovely {concept} in the warm evening sun",
        "{concept} in a hot desert",
    ),
    "food": (
        "{concept} on a dotted background",
        "a picture of {concept} on orange paper",
        "one {concept} in the warm evening sun",
    ),
    "vehicle": (
        "{concept} in a hot desert",
        "a picture of {concept} at sunset",
        "{concept} waiting in a dark forest",
    ),
    "building": (
        "{concept} in a hot desert",
        "a picture of {concept} at sunset",
        "an old {concept} deep in the woods",
    ),
    "object": (
        "{concept} left in a dark forest",
        "a picture of {concept} on orange paper",
        "one {concept} on a sand dune",
    ),
    "toy": (
        "{concept} lying in a dark forest",
        "a picture of {concept} on orange paper",
        "one {concept} on a sand dune",
    ),
    "face": ("{concept} hiding in a dark forest", "a funny {concept} at sunset", "{concept} in a hot desert"),
}

TRAIN_MEDIA = (
    "black and white photo",
    "pixel art",
    "watercolor painting",
    "blueprint",
    "sticker",
    "golden statue",
    "red stamp",
    "chalk drawing",
)
TEST_MEDIA = ("sepia photo", "pencil sketch", "neon sign", "stone carving", "film negative", "blue print")

TRAIN_OBJECTS = (
    "cat",
    "dog head",
    "horse",
    "frog",
    "bear",
    "fish",
    "chick",
    "pig head",
    "pine tree",
    "flower",
    "tulip",
    "red apple",
    "tomato",
    "ice cream",
    "birthday cake",
    "coffee",
    "car",
    "airplane",
    "train",
    "house",
    "hospital",
    "book",
    "camera",
    "bomb",
    "padlock",
    "dice",
    "basketball",
    "red heart",
    "star",
    "cloud",
    "fire",
    "cool face",
)
TEST_OBJECTS = (
    "rabbit head",
    "panda",
    "spouting whale",
    "palm tree",
    "maple leaf",
    "pear",
    "cookie",
    "bus",
    "ship",
    "church",
    "glasses",
    "pencil",
    "envelope",
    "soccer ball",
    "broken heart",
    "sun",
)

_STYLE_TRAIN = (
    "a small cat alone",
    "a drawing of an old house",
    "a cute dog head on a white background",
    "a close up of a car",
    "a photo of a lovely flower",
    "a tilted book",
    "a simple star",
    "a new ship left alone",
    "a funny frog sitting",
    "an icon of a nice camera",
    "a single red apple lying on a white background",
    "a beautiful birthday cake",
    "a bear standing on a green meadow under a blue sky",
    "a red heart on yellow paper",
    "a train in front of a blue wall",
    "a fish floating in the ocean",
    "an airplane in a blue sky with clouds",
    "a tree on a cold winter day",
)
_STYLE_TEST = (
    "a cute panda resting",
    "a picture of a beautiful palm tree",
    "an old bus on a white background",
    "a tiny cookie",
    "a close up of a church",
    "a lovely pear alone",
    "a drawing of a little rabbit head",
    "glasses on a brown background",
    "a soccer ball on dry desert sand",
    "a pencil in front of a purple wall",
)

_PLACED_TRAIN = (
    "a tiny {concept} on a green meadow under a blue sky",
    "a small {concept} in front of a blue wall",
    "a close up of {concept} on a sandy beach",
    "a tilted {concept} on yellow paper",
    "{concept} upside down in the snow",
    "a tiny {concept} floating in dark space",
    "a small tilted {concept} on a striped background",
    "a close up of {concept} on a wooden floor",
    "a tiny tilted {concept} on a pink background",
    "{concept} upside down on a checkered cloth",
    "a small {concept} under a starry night sky",
    "a tilted {concept} high among white clouds",
)
_PLACED_TEST = (
    "a little {concept} in a dark forest",
    "a tiny {concept} at sunset",
    "a close up of {concept} in a hot desert",
    "a tilted {concept} in front of a purple wall",
    "{concept} upside down on dotted paper",
    "a little tilted {concept} on a sand dune",
    "a tiny {concept} on orange paper",
    "a close up of {concept} in the warm evening sun",
    "{concept} upside down deep in the woods",
    "a tilted {concept} on a brown background",
)

SCHEMES: Mapping[str, tuple[str, ...]] = {"object": ("gpt", "media", "placed"), "style": ("gpt", "object")}


def prompts(kind: str, scheme: str, category: str, split: str) -> tuple[str, ...]:
    """The prompts of one scheme, ready to sample; validation uses train's.

    Args:
        kind: "object" or "style".
        scheme: "gpt" or "media" for objects, "gpt" or "object" for styles.
        category: one of CATEGORIES; styles ignore it.
        split: "train", "val" or "test".

    Raises:
        InvalidInputError: the kind, scheme or split is not known.
    """
    if scheme not in SCHEMES.get(kind, ()) or split not in ("train", "val", "test"):
        known = ", ".join(f"{k}/{s}" for k, both in SCHEMES.items() for s in both)
        raise InvalidInputError(
            f"no prompts for {kind}/{scheme} in split {split}", hint=f"use {known}, and train, val or test"
        )
    if kind == "object":
        return _object_prompts(scheme, category, split == "test")
    return _style_prompts(scheme, split == "test")


def with_article(words: str) -> str:
    """The words after "a" or "an"."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _object_prompts(scheme: str, category: str, test: bool) -> tuple[str, ...]:
    concept = f"{TOKEN} {category}"
    if scheme == "media":
        return tuple(
            f"{with_article(medium)} of {concept}" for medium in (TEST_MEDIA if test else TRAIN_MEDIA)
        )
    if scheme == "placed":
        return tuple(one.format(concept=concept) for one in (_PLACED_TEST if test else _PLACED_TRAIN))
    own = (_TEST if test else _TRAIN).get(category, ())
    captions = own + (_ANYWHERE_TEST if test else _ANYWHERE_TRAIN)
    return tuple(caption.format(concept=concept) for caption in captions)


def _style_prompts(scheme: str, test: bool) -> tuple[str, ...]:
    ending = f"in the style of {TOKEN} art"
    if scheme == "object":
        return tuple(f"{with_article(thing)} {ending}" for thing in (TEST_OBJECTS if test else TRAIN_OBJECTS))
    return tuple(f"{caption} {ending}" for caption in (_STYLE_TEST if test else _STYLE_TRAIN))
