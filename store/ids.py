"""Ids come from content, so the same input has the same id and doing a thing twice changes nothing."""

import hashlib
import json

from .errors import InvalidInputError


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
