"""The question of a pack asked again of a store, at the versions that answered it; what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..query import Request, Session, answer_all
from ..query.attribution.request import NamedImage
from ..store import DataError, Store
from .canonical import parse_canonical
from .contents import pack_contents
from .write import ANSWER

TOLERANCE = 1e-5
"""What numbers may differ by: other machines add in another order, and the last digits follow."""

ASKED_ANEW = ("provenance",)
"""Fields of an answer that say when and where it was asked."""


@dataclass(frozen=True)
class Recomputed:
    """`equal` where nothing differs by more than TOLERANCE; `differences`: where, of what, to what.

    `largest`: the largest difference of two numbers that count as equal.
    """

    differences: tuple[str, ...]
    largest: float

    @property
    def equal(self) -> bool:
        """Whether the answer is the one of the pack."""
        return not self.differences


def recompute(folder: Path, store: Store) -> Recomputed:
    """Ask again and compare: answer, features, and rights.

    Raises DataError for a pack without a readable answer; NotFoundError where the store has no such versions
    any more, or never had; others as `attribute`.
    """
    packed = parse_canonical((folder / ANSWER).read_bytes(), ANSWER)
    try:
        versions, options = packed["store"]["versions"], dict(packed["request"])
        request = Request(**{**options, "at": versions, "files": False})
        question = _question(folder, packed)
        snapshot = Session(store).snapshot().as_of(request.at)
        (answer,) = answer_all(snapshot, [question], request)
        anew = pack_contents(snapshot, request, answer, None)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DataError(f"{ANSWER} cannot be asked again: {error!r}") from error
    compared = ("features", "rights")
    pairs = [(name, packed[name], anew[name]) for name in compared]
    pairs.append(("answer", _lasting(packed["answer"]), _lasting(anew["answer"])))
    found = [one for name, old, new in pairs for one in _differences(name, old, new)]
    numbers = [size for size, _ in found if size is not None]
    return Recomputed(
        tuple(text for size, text in found if size is None or size > TOLERANCE),
        max((size for size in numbers if size <= TOLERANCE), default=0.0),
    )


def _question(folder: Path, packed: Mapping[str, Any]) -> NamedImage | str:
    """The picture of the pack under the name that it had; a stored sample by its id."""
    asked = packed["asked"]
    if asked["prompt"] is not None or "file" not in asked:
        return str(asked["question"])
    return NamedImage(asked["question"], (folder / asked["file"]).read_bytes())


def _lasting(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ASKED_ANEW}


def _differences(where: str, old: Any, new: Any) -> Iterator[tuple[float | None, str]]:
    """(size, text) of every difference; the size of two numbers, else None."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from _differences(f"{where}.{name}", old.get(name), new.get(name))
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        for at, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(f"{where}[{at}]", one, other)
    elif isinstance(old, float) and isinstance(new, float):
        if old != new:
            yield abs(old - new), f"{where}: {old!r} in the pack, {new!r} now"
    elif old != new:
        yield None, f"{where}: {_short(old)} in the pack, {_short(new)} now"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
