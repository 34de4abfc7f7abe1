"""Ids come from content, so the same input has the same id and doing a thing twice changes nothing."""

import hashlib
import json
import re

from .errors import InvalidInputError

AUGMENTATIONS = ("mild", "strong")
"""How the pictures of views are altered; each has a table of its own for every encoder."""


def content_id(data: bytes) -> str:
    """The id of encoded bytes: sha256, 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: object) -> str:
    """`value` as JSON with sorted keys and no spaces: equal values have equal text.

    Raises InvalidInputError for what JSON cannot say (NaN, bytes, objects).
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"cannot make an id or a stored spec of {value!r}: {error}",
            hint="use strings, finite numbers, booleans, None, lists and dicts with string keys",
        ) from error


def key_id(*parts: object) -> str:
    """The id of what `parts` determine: sha256 of their canonical JSON. Tuples equal lists."""
    return content_id(canonical_json(parts).encode())


def run_number(run_id: str) -> int:
    """The number that `ranks` and `runs` are joined by: the first 60 bits of the id, never negative."""
    return int(run_id[:15], 16)


def vectors_table(encoder: str) -> str:
    """`vectors_` + the encoder's safe name: `efficientnet-lite0` -> `vectors_efficientnet_lite0`."""
    return "vectors_" + safe_name(encoder)


def views_table(encoder: str, augment: str = "mild") -> str:
    """`views_`, or `views_strong_` of strongly augmented views, + the encoder's safe name.

    Raises InvalidInputError for an `augment` that is not in AUGMENTATIONS, and as `safe_name`.
    """
    if augment not in AUGMENTATIONS:
        raise InvalidInputError(
            f"there is no augmentation {augment!r}", hint=f"use {' or '.join(AUGMENTATIONS)}"
        )
    return ("views_" if augment == "mild" else f"views_{augment}_") + safe_name(encoder)


def mapped_column(mapper: str) -> str:
    """The column of `vectors_*` that holds what `mapper` makes of `base`."""
    return "mapped_" + safe_name(mapper)


def safe_name(name: str) -> str:
    """`name` as part of an SQL identifier: lower case, all but letters and digits become `_`.

    Two names can become one (`a-b`, `a_b`); the store refuses the second where it would be created, and
    the tables' schema metadata holds the name as given.

    Raises InvalidInputError for a name without any ASCII letter or digit, or longer than 80 characters.
    """
    safe = re.sub(r"[^a-z0-9]", "_", name.lower())
    if not re.search(r"[a-z0-9]", safe) or len(safe) > 80:
        raise InvalidInputError(
            f"{name!r} cannot name an encoder or a mapper",
            hint="use 1 to 80 letters, digits, '-' and '_'",
        )
    return safe
