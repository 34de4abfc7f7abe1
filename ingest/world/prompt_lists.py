"""The texts that the world's prompts of objects are made of: captions, media and placements.

`{concept}` stands for "V* <category>". Train, validation and test texts never coincide, and name other
scenes, colours and media: what is fitted on validation models meets prompts that no mapper learned from, as
in a test.
"""

from __future__ import annotations

from collections.abc import Mapping

ANYWHERE_TRAIN = (
    "a photo of a cute {concept}",
    "a small {concept} alone",
    "a close up of {concept}",
    "a tilted {concept}",
    "a nice {concept} on a green meadow under a blue sky",
    "{concept} alone on a sandy beach",
    "a picture of {concept} floating in dark space",
    "{concept} placed on a checkered cloth",
    "{concept} in front of a blue wall",
    "a photo of {concept} on yellow paper",
)
ANYWHERE_VAL = (
    "a drawing of an old {concept}",
    "one new {concept} on a white background",
    "{concept} standing under a starry night sky",
    "a cute {concept} on a striped background",
    "a small {concept} inside a small room",
    "a lovely {concept} on a pink background",
)
ANYWHERE_TEST = (
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

CAPTIONS_TRAIN: Mapping[str, tuple[str, ...]] = {
    "animal": (
        "{concept} resting on the grass",
        "a funny {concept} hiding in a sunny meadow",
        "an icon of {concept} floating in the ocean",
        "{concept} standing on the beach by the sea",
    ),
    "plant": (
        "{concept} standing on the grass",
        "a single {concept} in a sunny meadow",
        "{concept} on green paper",
        "a drawing of {concept} on the sand on a summer day",
    ),
    "food": (
        "{concept} placed on a checkered background",
        "{concept} left on the grass in a sunny meadow",
        "{concept} on the sand on a summer day",
        "a picture of {concept} on a red background",
    ),
    "vehicle": (
        "{concept} waiting on the grass",
        "{concept} on the open sea",
        "a new {concept} high among white clouds",
        "{concept} standing on the beach by the sea",
    ),
    "building": (
        "{concept} standing in a sunny meadow",
        "{concept} on the beach by the sea",
        "a drawing of {concept} high among white clouds",
        "{concept} on blue paper",
    ),
    "object": (
        "{concept} lying on the grass",
        "{concept} on the sand on a summer day",
        "one {concept} in front of a green wall",
    ),
    "toy": (
        "{concept} lying in a sunny meadow",
        "{concept} on the sand on a summer day",
        "one {concept} in front of a red wall",
        "a new {concept} on green paper",
    ),
    "face": (
        "{concept} alone in outer space",
        "{concept} sitting in a sunny meadow",
        "one {concept} in front of a yellow wall",
        "a cute {concept} on blue paper",
    ),
}
CAPTIONS_VAL: Mapping[str, tuple[str, ...]] = {
    "animal": (
        "{concept} sitting on the floor at home",
        "{concept} waiting on a cold winter day",
    ),
    "plant": (
        "{concept} at home on the floor",
        "a {concept} on a cold winter day",
    ),
    "food": (
        "a new {concept} on striped paper",
        "one {concept} resting on a wooden floor",
    ),
    "vehicle": (
        "an old {concept} in the dark night",
        "{concept} left on a cold winter day",
    ),
    "building": (
        "an old {concept} at night under the moon",
        "{concept} on a cold winter day",
    ),
    "object": (
        "an old {concept} at home on the floor",
        "{concept} left in the snow",
        "a new {concept} on a gray background",
    ),
    "toy": (
        "an old {concept} in a room on a wooden floor",
        "{concept} left in the snow",
    ),
    "face": (
        "{concept} hiding in the dark night",
        "a funny {concept} in a room on a wooden floor",
    ),
}
CAPTIONS_TEST: Mapping[str, tuple[str, ...]] = {
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
    "face": (
        "{concept} hiding in a dark forest",
        "a funny {concept} at sunset",
        "{concept} in a hot desert",
    ),
}

MEDIA_TRAIN = (
    "black and white photo",
    "watercolor painting",
    "blueprint",
    "sticker",
    "red stamp",
)
MEDIA_VAL = (
    "pixel art",
    "golden statue",
    "chalk drawing",
)
MEDIA_TEST = (
    "sepia photo",
    "pencil sketch",
    "neon sign",
    "stone carving",
    "film negative",
    "blue print",
)

PLACED_TRAIN = (
    "a small {concept} on a green meadow under a blue sky",
    "a small {concept} in front of a blue wall",
    "a tiny {concept} floating in dark space",
    "a close up of {concept} on a sandy beach",
    "a close up of {concept} in front of a green wall",
    "a tilted {concept} on yellow paper",
    "a tilted {concept} high among white clouds",
    "{concept} upside down on a checkered cloth",
)
PLACED_VAL = (
    "a tiny {concept} on a striped background",
    "a close up of {concept} in a room on a wooden floor",
    "a small tilted {concept} on a pink background",
    "{concept} upside down in the snow",
)
PLACED_TEST = (
    "a small {concept} in a dark forest",
    "a small {concept} on orange paper",
    "a tiny {concept} at sunset",
    "a close up of {concept} in a hot desert",
    "a close up of {concept} in the warm evening sun",
    "a tilted {concept} in front of a purple wall",
    "a tilted {concept} on a brown background",
    "a small tilted {concept} on a sand dune",
    "{concept} upside down on dotted paper",
    "{concept} upside down deep in the woods",
)
