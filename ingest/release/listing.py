"""What a part of the release says about a case: its models, their exemplars and their samples."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ...store import DataError, InvalidInputError, content_id, key_id

SHOWN = 80  # characters of a value in a message


@dataclass(frozen=True)
class ListedModel:
    """One model. `samples`: the paths of each scheme, in order."""

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
        source: the file that says so, for messages and jobs.
        digest: changes when the file's content does.
        complete: whether every model and sample of the case is named (an index), or those with features.
    """

    case: str
    source: str
    models: tuple[ListedModel, ...]
    complete: bool
    digest: str = field(default="", compare=False)

    @cached_property
    def model_ids(self) -> list[str]:
        """The id of each model: its case and exemplars, and how many of the same came before it."""
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
    """Raise InvalidInputError unless both name the same models, and an index all samples of the other."""
    whole, part = (one, other) if one.complete else (other, one)
    if len(part.models) != len(whole.models):
        raise disagree(part, f"it has {len(part.models)} models", whole, f"{len(whole.models)}")
    for place, (mine, its) in enumerate(zip(part.models, whole.models, strict=True)):
        _check_exemplars(part, mine.exemplars, whole, its.exemplars, place)
        if whole.complete and not part.complete:
            for scheme, paths in mine.samples.items():
                known = set(its.samples.get(scheme, ()))
                unknown = next((path for path in paths if path not in known), None)
                if unknown is not None:
                    at = f"{unknown!r} is a {scheme!r} sample of model {place}"
                    raise disagree(part, at, whole, "no such sample of it")


def _check_exemplars(
    part: Listing, mine: Sequence[str], whole: Listing, its: Sequence[str], place: int
) -> None:
    if len(mine) != len(its):
        raise disagree(part, f"model {place} has {len(mine)} exemplars", whole, f"{len(its)}")
    for path, expected in zip(mine, its, strict=True):
        if path != expected:
            raise disagree(part, f"model {place} has the exemplar {path!r}", whole, f"{expected!r}")


def disagree(part: Listing, says: str, whole: Listing, has: str) -> InvalidInputError:
    """The error for two parts of a release that contradict each other."""
    return InvalidInputError(
        f"{part.source} and {whole.source} disagree: in the first {says}, the second has {has}",
        hint="both have to come from one release; nothing was imported",
    )


def wrong(file: str, entry: str, problem: str) -> InvalidInputError:
    """The error for an entry of a file that is not what it has to be."""
    return InvalidInputError(
        f"{file}: {entry} {problem}", hint="get the file again, or leave it out; nothing was imported"
    )


def texts(file: str, entry: str, value: Any, *, what: str = "path") -> tuple[str, ...]:
    """`value` as a list of non-empty strings that can name files. InvalidInputError when it is none."""
    if not isinstance(value, list | tuple):
        raise wrong(file, entry, f"is {describe(value)}, not a list of {what}s")
    for place, text in enumerate(value):
        if not is_text(text):
            raise wrong(file, f"{entry}[{place}]", f"is {describe(text)}, not a {what}")
    return tuple(value)


def is_text(value: Any) -> bool:
    """Whether `value` is a string that can be stored and can name a file."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in value) if not value.isascii() else True


def describe(value: Any) -> str:
    """A value in a message, at most a line."""
    text = repr(value) if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


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
