"""The index of a case: dataset/json/test_<case>.json, a list with an entry a model."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from ...store import DataError, content_id
from .listing import ListedModel, Listing, describe, is_text, texts, wrong

GZIP = b"\x1f\x8b"


def read_index(path: Path, name: str, case: str) -> Listing:
    """The index at `path`, called `name` in messages.

    Raises DataError for what is no JSON, InvalidInputError for JSON of another shape; both name the entry.
    """
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(GZIP) else data
        entries = json.loads(data)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise DataError(f"{name} is no JSON: {error}", hint="get the file again") from error
    if not isinstance(entries, list) or not entries:
        raise wrong(name, "the whole file", f"is {describe(entries)}, not a list with an entry a model")
    models = tuple(_model(name, f"entry {place}", entry) for place, entry in enumerate(entries))
    return Listing(case, name, models, complete=True, digest=content_id(data))


def _model(file: str, at: str, entry: Any) -> ListedModel:
    if not isinstance(entry, dict):
        raise wrong(file, at, f"is {describe(entry)}, not an object")
    for key in ("exemplar", "synth"):
        if key not in entry:
            raise wrong(file, at, f"has no {key!r}")
    exemplars = texts(file, f"{at}, exemplar", entry["exemplar"])
    if not exemplars:
        raise wrong(file, f"{at}, exemplar", "is empty")
    synth = entry["synth"]
    if not isinstance(synth, dict) or not all(map(is_text, synth)):
        raise wrong(file, f"{at}, synth", f"is {describe(synth)}, not an object of schemes")
    samples = {scheme: texts(file, f"{at}, synth, {scheme}", paths) for scheme, paths in synth.items()}
    return ListedModel(
        exemplars, samples, _name(file, at, entry, "class_id"), _name(file, at, entry, "category")
    )


def _name(file: str, at: str, entry: dict[str, Any], key: str) -> str | None:
    """A string or a number, as a string; None where it is null or left out."""
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not is_text(value):
        raise wrong(file, f"{at}, {key}", f"is {describe(value)}, not a name")
    return str(value)
