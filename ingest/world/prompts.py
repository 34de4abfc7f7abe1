"""The prompts that planned models are sampled with: written captions, media, placements, objects in a style.

Train, validation and test prompts never coincide: each names scenes, colours and media that the others do
not (night, rooms, snow, stripes, pink in validation; sunset, desert, forest, dots, purple, brown, orange in
test). Some captions leave the background white. All of the scenes are in the generator's captions.
`{concept}` becomes "V* <category>" for objects; for styles the captions end in "in the style of V* art".
"""

from __future__ import annotations

from collections.abc import Mapping

from ...store.errors import InvalidInputError
from ..specs import TOKEN
from .prompt_lists import (
    ANYWHERE_TEST,
    ANYWHERE_TRAIN,
    ANYWHERE_VAL,
    CAPTIONS_TEST,
    CAPTIONS_TRAIN,
    CAPTIONS_VAL,
    MEDIA_TEST,
    MEDIA_TRAIN,
    MEDIA_VAL,
    PLACED_TEST,
    PLACED_TRAIN,
    PLACED_VAL,
)
from .style_prompt_lists import (
    OBJECTS_TEST,
    OBJECTS_TRAIN,
    OBJECTS_VAL,
    STYLE_TEST,
    STYLE_TRAIN,
    STYLE_VAL,
)

SCHEMES: Mapping[str, tuple[str, ...]] = {"object": ("gpt", "media", "placed"), "style": ("gpt", "object")}


_ANYWHERE = {"train": ANYWHERE_TRAIN, "val": ANYWHERE_VAL, "test": ANYWHERE_TEST}
_CAPTIONS = {"train": CAPTIONS_TRAIN, "val": CAPTIONS_VAL, "test": CAPTIONS_TEST}
_MEDIA = {"train": MEDIA_TRAIN, "val": MEDIA_VAL, "test": MEDIA_TEST}
_PLACED = {"train": PLACED_TRAIN, "val": PLACED_VAL, "test": PLACED_TEST}
_OBJECTS = {"train": OBJECTS_TRAIN, "val": OBJECTS_VAL, "test": OBJECTS_TEST}
_STYLE = {"train": STYLE_TRAIN, "val": STYLE_VAL, "test": STYLE_TEST}


def prompts(kind: str, scheme: str, category: str, split: str) -> tuple[str, ...]:
    """The prompts of one scheme, ready to sample.

    Args:
        kind: "object" or "style".
        scheme: "gpt", "media" or "placed" for objects, "gpt" or "object" for styles.
        category: one of CATEGORIES; styles ignore it.
        split: "train", "val" or "test".

    Raises:
        InvalidInputError: the kind, scheme or split is not known.
    """
    if scheme not in SCHEMES.get(kind, ()) or split not in _MEDIA:
        known = ", ".join(f"{k}/{s}" for k, both in SCHEMES.items() for s in both)
        raise InvalidInputError(
            f"no prompts for {kind}/{scheme} in split {split}", hint=f"use {known}, and train, val or test"
        )
    if kind == "object":
        return _object_prompts(scheme, category, split)
    return _style_prompts(scheme, split)


def with_article(words: str) -> str:
    """The words after "a" or "an"."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _object_prompts(scheme: str, category: str, split: str) -> tuple[str, ...]:
    concept = f"{TOKEN} {category}"
    if scheme == "media":
        return tuple(f"{with_article(medium)} of {concept}" for medium in _MEDIA[split])
    if scheme == "placed":
        return tuple(one.format(concept=concept) for one in _PLACED[split])
    captions = _CAPTIONS[split].get(category, ()) + _ANYWHERE[split]
    return tuple(caption.format(concept=concept) for caption in captions)


def _style_prompts(scheme: str, split: str) -> tuple[str, ...]:
    ending = f"in the style of {TOKEN} art"
    if scheme == "object":
        return tuple(f"{with_article(thing)} {ending}" for thing in _OBJECTS[split])
    return tuple(f"{caption} {ending}" for caption in _STYLE[split])
