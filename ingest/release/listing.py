"""The models of a case with their exemplars and samples, as an index or a features file lists them."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ...store import DataError, InvalidInputError, content_id, key_id
from .entries import entry_error, format_value, is_storable_name, parse_names


@dataclass(frozen=True)
class ListedModel:
    """One model. `samples`: the paths of the samples of each scheme, in order."""

    exemplars: tuple[str, ...]
    samples: Mapping[str, tuple[str, ...]]
    class_id: str | None = None
    category: str | None = None

    @property
    def concept_kind(self) -> str:
        """`style` for a small set or where there is a scheme that only styles have, else `object`."""
        return "style" if "object" in self.samples or len(self.exemplars) > 1 else "object"


@dataclass(frozen=True)
class Listing:
    """The models of `case`, in the release's order.

    Attributes:
        source: the file that lists them, for messages and jobs.
        digest: changes when the file's content does.
        complete: whether it lists every model and sample of the case (an index), or those with features.
    """

    case: str
    source: str
    models: tuple[ListedModel, ...]
    complete: bool
    digest: str = field(default="", compare=False)

    @cached_property
    def model_ids(self) -> list[str]:
        """The id of each model: from its case, exemplars and number of earlier models with the same ones."""
        seen: dict[tuple[str, ...], int] = {}
        ids = []
        for model in self.models:
            seen[model.exemplars] = seen.get(model.exemplars, -1) + 1
            ids.append(key_id("release", self.case, model.exemplars, seen[model.exemplars]))
        return ids

    def samples(self) -> Iterator[tuple[str, str, str]]:
        """(model id, scheme, path) of every sample, each once."""
        for name, model in zip(self.model_ids, self.models, strict=True):
            for scheme, paths in model.samples.items():
                yield from ((name, scheme, path) for path in dict.fromkeys(paths))


def sample_id(model_id: str, scheme: str, path: str) -> str:
    """The id of a released sample."""
    return key_id(model_id, scheme, path)


def check_agreement(one: Listing, other: Listing) -> None:
    """Raise InvalidInputError unless both list the same models, and an index all samples of the other."""
    whole, part = (one, other) if one.complete else (other, one)
    if len(part.models) != len(whole.models):
        raise disagreement_error(part, f"it has {len(part.models)} models", whole, f"{len(whole.models)}")
    for place, (mine, its) in enumerate(zip(part.models, whole.models, strict=True)):
        _check_exemplars(part, mine.exemplars, whole, its.exemplars, place)
        if whole.complete and not part.complete:
            for scheme, paths in mine.samples.items():
                known = set(its.samples.get(scheme, ()))
                unknown = next((path for path in paths if path not in known), None)
                if unknown is not None:
                    at = f"{unknown!r} is a {scheme!r} sample of model {place}"
                    raise disagreement_error(part, at, whole, "no such sample of it")


def _check_exemplars(
    part: Listing, mine: Sequence[str], whole: Listing, its: Sequence[str], place: int
) -> None:
    if len(mine) != len(its):
        raise disagreement_error(part, f"model {place} has {len(mine)} exemplars", whole, f"{len(its)}")
    for path, expected in zip(mine, its, strict=True):
        if path != expected:
            raise disagreement_error(part, f"model {place} has the exemplar {path!r}", whole, f"{expected!r}")


def disagreement_error(part: Listing, claim: str, whole: Listing, other: str) -> InvalidInputError:
    """The error for two parts of a release that contradict each other."""
    return InvalidInputError(
        f"{part.source} and {whole.source} disagree: in the first {claim}, the second has {other}",
        hint="use files of one release; nothing was imported",
    )


GZIP = b"\x1f\x8b"


def read_index(path: Path, name: str, case: str) -> Listing:
    """The models that the index at `path` lists; messages call it `name`.

    Raises DataError for a file that is not JSON, InvalidInputError, with the entry, for another structure.
    """
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(GZIP) else data
        entries = json.loads(data)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise DataError(f"{name} is not JSON: {error}", hint="get the file again") from error
    if not isinstance(entries, list) or not entries:
        raise entry_error(
            name, "the whole file", f"is {format_value(entries)}, not a list with an entry a model"
        )
    models = tuple(_parse_model(name, f"entry {place}", entry) for place, entry in enumerate(entries))
    return Listing(case, name, models, complete=True, digest=content_id(data))


def _parse_model(file: str, at: str, entry: Any) -> ListedModel:
    if not isinstance(entry, dict):
        raise entry_error(file, at, f"is {format_value(entry)}, not an object")
    for key in ("exemplar", "synth"):
        if key not in entry:
            raise entry_error(file, at, f"has no {key!r}")
    exemplars = parse_names(file, f"{at}, exemplar", entry["exemplar"])
    if not exemplars:
        raise entry_error(file, f"{at}, exemplar", "is empty")
    synth = entry["synth"]
    if not isinstance(synth, dict) or not all(map(is_storable_name, synth)):
        raise entry_error(file, f"{at}, synth", f"is {format_value(synth)}, not an object of schemes")
    samples = {scheme: parse_names(file, f"{at}, synth, {scheme}", paths) for scheme, paths in synth.items()}
    return ListedModel(
        exemplars, samples, _parse_name(file, at, entry, "class_id"), _parse_name(file, at, entry, "category")
    )


def _parse_name(file: str, at: str, entry: dict[str, Any], key: str) -> str | None:
    """A string or a number, as a string; None where it is null or left out."""
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not is_storable_name(value):
        raise entry_error(file, f"{at}, {key}", f"is {format_value(value)}, not a name")
    return str(value)
