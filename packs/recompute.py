"""The question of a pack asked again of a store, at the versions that answered it; what differs."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ..query import Request, Session, answer_all
from ..query.attribution.query_vectors import read_query_images
from ..query.attribution.request import NamedImage
from ..store import DataError, Store, content_id
from .canonical import parse_canonical
from .container import LARGEST_ZIP, Pack, open_pack
from .contents import pack_contents
from .manifest import ANSWER, PAGE, ROWS
from .page import evidence_page, page_version

TOLERANCE = 1e-5
"""What numbers may differ by: other machines add in another order, and the last digits follow."""

ASKED_ANEW = ("provenance",)
"""Fields of an answer that say when and where it was asked."""

COMPARED = ("features", "rights")
WORDS = ("method", "meaning", "limits")
"""Texts of the software: compared where the same version wrote the pack."""


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


def recompute(path: Path, store: Store) -> Recomputed:
    """Ask again and compare: question, answer, features, rights, and what rows and page say of them.

    Raises DataError for a pack without a readable answer; NotFoundError where the store has no such versions
    any more, or never had; others as `attribute`.
    """
    pack = open_pack(path)
    packed = parse_canonical(pack.read(ANSWER, LARGEST_ZIP), ANSWER)
    try:
        request = Request(**{**packed["request"], "at": packed["store"]["versions"], "files": False})
        question, picture = _question(pack, packed["asked"])
        snapshot = Session(store).snapshot().as_of(request.at)
        (answer,) = answer_all(snapshot, [question], request)
        (data,) = read_query_images(snapshot, [question], files=False).values()
        anew = pack_contents(snapshot, request, answer, question, None)
        found = [*_asked(packed["asked"], anew["asked"], picture, data)]
        for name in (*COMPARED, *(WORDS if packed["software"] == anew["software"] else ())):
            found += _differences(name, packed[name], anew[name])
        found += _differences("answer", _lasting(packed["answer"]), _lasting(anew["answer"]))
        found += _documents(pack, packed, same_software=packed["software"] == anew["software"])
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise DataError(f"{ANSWER} cannot be asked again: {error!r}") from error
    numbers = [size for size, _ in found if size is not None]
    return Recomputed(
        tuple(text for size, text in found if size is None or size > TOLERANCE),
        max((size for size in numbers if size <= TOLERANCE), default=0.0),
    )


def _question(pack: Pack, asked: Mapping[str, Any]) -> tuple[NamedImage | str, bytes | None]:
    """A sample by its name, else the picture of the pack under the name that it had; and that picture."""
    name, picture = asked["question"], None
    if "file" in asked:
        if asked["file"] not in pack.names() or not asked["file"].startswith("picture"):
            raise DataError(f"{ANSWER} names {asked['file']!r}, which is no picture of the pack")
        picture = pack.read(asked["file"], LARGEST_ZIP)
    if asked["kind"] == "sample" or picture is None:
        return str(name), picture
    return NamedImage(name, picture), picture


def _asked(
    packed: Mapping[str, Any], anew: Mapping[str, Any], picture: bytes | None, stored: bytes | None
) -> Iterator[tuple[float | None, str]]:
    """What differs of the question. `picture`: that of the pack, `stored`: what the store has of a sample."""
    for name in ("kind", "prompt"):
        if packed[name] != anew[name]:
            yield None, f"asked.{name}: {_short(packed[name])} in the pack, {_short(anew[name])} now"
    if picture is not None and packed["sha256"] != content_id(picture):
        yield None, f"asked.sha256: {_short(packed['sha256'])}, which is not that of {packed['file']}"
    if picture != stored:
        yield None, "asked: the picture of the pack is not the one of the store"


def _documents(
    pack: Pack, packed: Mapping[str, Any], *, same_software: bool
) -> Iterator[tuple[float | None, str]]:
    """Whether `images.parquet` and `page.html` say what `answer.json` says.

    A page of another version is not compared: that one writes another page.
    """
    columns = ("image_id", "similarity", "influence")
    rows = pq.read_table(io.BytesIO(pack.read(ROWS, LARGEST_ZIP)), columns=list(columns)).to_pylist()
    said = [{name: one[name] for name in columns} for one in packed["answer"]["results"]]
    if rows != said:
        yield None, f"{ROWS} does not say what {ANSWER} says"
    if not same_software or packed["page"] != page_version():
        return
    thumbnails = {}
    for name in pack.names():
        folder, _, file = name.partition("/")
        if folder == "thumbnails":
            rank, _, ending = file.partition(".")
            thumbnails[int(rank)] = (ending, pack.read(name, LARGEST_ZIP))
    if evidence_page(packed, thumbnails).encode() != pack.read(PAGE, LARGEST_ZIP):
        yield None, f"{PAGE} does not say what {ANSWER} says"


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
