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
from .prompt_lists import (
    ANYWHERE_TEST,
    ANYWHERE_TRAIN,
    CAPTIONS_TEST,
    CAPTIONS_TRAIN,
    PLACED_TEST,
    PLACED_TRAIN,
    STYLE_TEST,
    STYLE_TRAIN,
    TEST_MEDIA,
    TEST_OBJECTS,
    TRAIN_MEDIA,
    TRAIN_OBJECTS,
)

SCHEMES: Mapping[str, tuple[str, ...]] = {"object": ("gpt", "media", "placed"), "style": ("gpt", "object")}


def prompts(kind: str, scheme: str, category: str, split: str) -> tuple[str, ...]:
    """The prompts of one scheme, ready to sample; validation uses train's.

    Args:
        kind: "object" or "style".
        scheme: "gpt", "media" or "placed" for objects, "gpt" or "object" for styles.
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
        return tuple(one.format(concept=concept) for one in (PLACED_TEST if test else PLACED_TRAIN))
    own = (CAPTIONS_TEST if test else CAPTIONS_TRAIN).get(category, ())
    captions = own + (ANYWHERE_TEST if test else ANYWHERE_TRAIN)
    return tuple(caption.format(concept=concept) for caption in captions)


def _style_prompts(scheme: str, test: bool) -> tuple[str, ...]:
    ending = f"in the style of {TOKEN} art"
    if scheme == "object":
        return tuple(f"{with_article(thing)} {ending}" for thing in (TEST_OBJECTS if test else TRAIN_OBJECTS))
    return tuple(f"{caption} {ending}" for caption in (STYLE_TEST if test else STYLE_TRAIN))
