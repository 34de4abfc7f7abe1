"""Which row of a table of owners is of which image. What could be of several is of none."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...runtime.formats import ENDINGS
from .owners import OwnerTable
from .sources.names import ending_of, local_path, stem_of

SHOWN = 3


@dataclass
class OwnerMatches:
    """The rows of a table by image.

    Attributes:
        table: the table.
        rows: image -> the number of its row; images are named as they were given.
        ambiguous: name in the table -> the images that it could be of, or the rows that it could be.
        used: the rows that are of an image.
    """

    table: OwnerTable
    rows: Mapping[str, int]
    ambiguous: Mapping[str, Sequence[str]]
    used: set[int] = field(default_factory=set)

    def lines(self) -> Iterator[str]:
        """What was matched by what, for people."""
        table, count = self.table, len(self.table.names)
        yield (
            f"{table.path.name}: {len(self.used):,} of {count:,} rows are of images here, by {table.kind} "
            f"(column {table.column!r})"
        )
        unused = [
            name
            for row, name in enumerate(table.names)
            if row not in self.used and name not in self.ambiguous
        ]
        if unused:
            yield f"{table.path.name}: {len(unused):,} rows are of no image here: {_some(unused)}"
        for name, several in list(self.ambiguous.items())[:SHOWN]:
            yield f"{table.path.name}: {name!r} was not used, it could be {_some(several)}"
        if len(self.ambiguous) > SHOWN:
            yield f"{table.path.name}: {len(self.ambiguous):,} names were not used, as they could be several"
        if table.unnamed:
            yield f"{table.path.name}: {table.unnamed:,} rows name no image in {table.column!r}"


def match_exactly(table: OwnerTable) -> OwnerMatches:
    """By hash or uri: image -> row is name -> row. A name with several rows that disagree is ambiguous."""
    rows: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(table.names):
        rows[name.lower() if table.kind == "hash" else name].append(number)
    agreed, ambiguous = {}, {}
    for name, numbers in rows.items():
        if _agree(table, numbers):
            agreed[name] = numbers[0]
        else:
            ambiguous[table.names[numbers[0]]] = [f"row {number + 1}" for number in numbers]
    return OwnerMatches(table, agreed, ambiguous)


def match_paths(table: OwnerTable, paths: Mapping[str, str]) -> OwnerMatches:
    """By file name or path: a name is of the one image whose path ends with it.

    Letters' case counts only where it decides. A name without an ending may be of a file with one. Where the
    table names some images by paths, a name without folders is that of the image at the top, if there is one.

    Args:
        table: with names of files.
        paths: image -> its whole path.
    """
    index = _PathIndex(paths)
    nested = any("/" in local_path(name) for name in table.names)
    rows: dict[str, list[int]] = defaultdict(list)
    ambiguous: dict[str, Sequence[str]] = {}
    for number, name in enumerate(table.names):
        found = index.find(name)
        if nested and len(found) > 1:
            found = [image for image in found if _parts(image) == _parts(name)] or found
        if len(found) == 1:
            rows[found[0]].append(number)
        elif found:
            ambiguous[name] = found
    agreed = {}
    for image, numbers in rows.items():
        if _agree(table, numbers):
            agreed[image] = numbers[0]
        else:
            ambiguous[table.names[numbers[0]]] = [f"row {number + 1}" for number in numbers]
    used = {number for image in agreed for number in rows[image]}
    return OwnerMatches(table, agreed, ambiguous, used)


class _PathIndex:
    """Images by the last part of their path, with and without its ending."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = {image: _parts(path) for image, path in paths.items()}
        self._names: dict[str, list[str]] = defaultdict(list)
        self._stems: dict[str, list[str]] = defaultdict(list)
        for image, parts in self._paths.items():
            if parts:
                self._names[parts[-1].casefold()].append(image)
                self._stems[stem_of(parts[-1]).casefold()].append(image)

    def find(self, name: str) -> list[str]:
        """The images whose path ends with `name`."""
        wanted = _parts(name)
        if not wanted:
            return []
        found = self._ending_with(wanted, self._names[wanted[-1].casefold()])
        if not found and ending_of(wanted[-1]) not in ENDINGS:
            found = self._ending_with(wanted, self._stems[wanted[-1].casefold()], whole=False)
        return found

    def _ending_with(self, wanted: Sequence[str], images: Sequence[str], *, whole: bool = True) -> list[str]:
        last = len(wanted) if whole else len(wanted) - 1
        folders = [part.casefold() for part in wanted[: len(wanted) - 1]]
        found = []
        for image in images:
            above = self._paths[image][-len(wanted) : -1]
            if [part.casefold() for part in above] == folders:
                found.append(image)
        same = [image for image in found if self._paths[image][-len(wanted) :][:last] == list(wanted[:last])]
        return same or found


def _parts(path: str) -> list[str]:
    """The parts of a path in Unicode's composed form, which macOS does not use in names of files."""
    text = unicodedata.normalize("NFC", local_path(path).replace("\\", "/"))
    return [part for part in text.split("/") if part not in ("", ".")]


def _agree(table: OwnerTable, numbers: Sequence[int]) -> bool:
    return len({table.values[number].as_py() for number in numbers}) == 1


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:SHOWN]) + (", ..." if len(shown) > SHOWN else "")
