"""What the captions say: the phrases a scene, a colour, a medium or a place is named by."""

from __future__ import annotations

from collections.abc import Mapping

SCENE_PHRASES: Mapping[str, tuple[str, ...]] = {
    "night": ("at night under the moon", "under a starry night sky", "in the dark night"),
    "meadow": ("on a green meadow under a blue sky", "in a sunny meadow", "on the grass"),
    "beach": ("on a sandy beach", "on the beach by the sea", "on the sand on a summer day"),
    "sea": ("on the open sea", "floating in the ocean", "in deep blue water"),
    "sky": ("in a blue sky with clouds", "high among white clouds", "flying in the sky"),
    "sunset": ("at sunset", "in front of a red evening sky", "in the warm evening sun"),
    "snow": ("in the snow", "on a cold winter day", "in falling snow"),
    "space": ("in outer space", "among the stars and planets", "floating in dark space"),
    "desert": ("in a hot desert", "on dry desert sand", "on a sand dune"),
    "forest": ("in a dark forest", "among green trees", "deep in the woods"),
    "room": ("in a room on a wooden floor", "at home on the floor", "inside a small room"),
    "stripes": ("on a striped background", "on striped paper"),
    "checks": ("on a checkered background", "on a checkered cloth"),
    "dots": ("on a dotted background", "on dotted paper"),
}

COLOUR_PHRASES = ("on a {} background", "in front of a {} wall", "on {} paper")

PLACES: Mapping[str, tuple[float, float]] = {  # scale, turn in degrees
    "tiny": (0.5, 0.0),
    "small": (0.7, 0.0),
    "close up": (1.45, 0.0),
    "tilted": (0.9, 25.0),
    "upside down": (1.0, 180.0),
}

MEDIUM_TEMPLATES = ("a {} of {}", "{1}, {0}", "a {} of {}", "{1} as a {0}")

STYLE_PHRASES = ("in the style of {} art", "{} style", "in the style of {} art")

VERBS = (
    "",
    "",
    "",
    "",
    "resting",
    "standing",
    "sitting",
    "lying",
    "waiting",
    "hiding",
    "placed",
    "seen",
    "alone",
    "left",
)
OPENINGS = (
    "",
    "",
    "a",
    "a",
    "a",
    "the",
    "one",
    "a picture of a",
    "a picture of",
    "a photo of a",
    "an icon of a",
    "a drawing of a",
)
FILLERS = ("cute", "nice", "little", "old", "new", "lovely", "single", "beautiful", "simple", "funny")

STYLE_NAMES: Mapping[str, tuple[str, str]] = {  # set -> (name in captions, kind of drawing)
    "noto": ("noto", "flat icon"),
    "noto-v1": ("blob", "flat icon"),
    "fxemoji": ("firefox", "flat icon"),
    "fluent-emoji": ("fluent", "glossy render"),
    "fluent-emoji-flat": ("fluent flat", "flat icon"),
    "twemoji": ("twemoji", "flat icon"),
    "emojione": ("emojione", "flat icon"),
    "streamline-emojis": ("streamline", "outlined icon"),
    "emojione-monotone": ("monotone", "black glyph"),
    "ultimate": ("ultimate", "line drawing"),
    "plump": ("plump", "duotone icon"),
    "sharp": ("sharp", "duotone icon"),
    "flex": ("flex", "duotone icon"),
    "kameleon": ("kameleon", "round badge"),
    "kameleon duo": ("kameleon duo", "round badge"),
    "stickies": ("stickies", "outlined icon"),
    "freehand": ("freehand", "line drawing"),
    "cyber": ("cyber", "line drawing"),
    "fluent color": ("fluent color", "glossy icon"),
}
