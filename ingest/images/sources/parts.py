"""A folder of tables or archives as one source: part after part, each opened when it is read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from ....store import AttribaseError, InvalidInputError, key_id
from .names import item_of
from .source import ImageRecord, ImageSource, Unreadable, absolute


@dataclass(frozen=True)
class Part:
    """A part of a source: its name, and how it is opened."""

    name: str
    open: Callable[[], ImageSource]


@dataclass
class PartsSource:
    """Parts in the order of their names. An item is the part's item, `<part>#<item>`.

    A part that cannot be opened is an item by its own name, which is never readable.

    Attributes:
        name: path or address of the whole.
        parts: the parts, in order.
        others: files beside them that are no parts, and why they are not read.
    """

    name: str
    parts: Sequence[Part]
    others: Mapping[str, Unreadable] = field(default_factory=dict)

    @property
    def location(self) -> str:
        """The path or address of the whole."""
        return absolute(self.name)

    def describe(self) -> Mapping[str, Any]:
        """The states of the parts, and what lies beside them."""
        states = [(name, dict(state)) for name, state, _ in self._listed]
        return {"parts": item_of(self.name), "files": key_id(states), "others": key_id(sorted(self.others))}

    def items(self) -> Sequence[str]:
        """The items of every part.

        Raises the error of the first part when no part can be read, InvalidInputError when none has an image.
        """
        found = [item for _, _, items in self._listed for item in items]
        if not found:
            raise InvalidInputError(
                f"there are no images in {item_of(self.name)}", hint="its tables have no rows"
            )
        return [*found, *self.others]

    def read(self, items: Sequence[str]) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        """The items of each part from that part, which stays open between two calls."""
        for name, run in groupby(items, self._part_of):
            inside = list(run)
            if name is None:
                yield from ((item, self.others[item]) for item in inside)
                continue
            source = self._opened(name)
            if isinstance(source, Unreadable):
                yield from ((item, source) for item in inside)
            else:
                yield from source.read(inside)

    def _part_of(self, item: str) -> str | None:
        """The part that an item is of: the longest name that the item begins with."""
        if item in self.others:
            return None
        name = item
        while name not in self._by_name:
            name = name.rpartition("#")[0]
        return name

    @cached_property
    def _listed(self) -> list[tuple[str, Mapping[str, Any], Sequence[str]]]:
        """Name, state and items of each part; every part is opened once."""
        listed: list[tuple[str, Mapping[str, Any], Sequence[str]]] = []
        problems: list[AttribaseError] = []
        for part in self.parts:
            try:
                source = part.open()
                listed.append((part.name, source.describe(), source.items()))
            except AttribaseError as error:
                problems.append(error)
                listed.append((part.name, {"problem": str(error)}, [part.name]))
        if problems and len(problems) == len(self.parts):
            raise problems[0]
        return listed

    @cached_property
    def _by_name(self) -> dict[str, Part]:
        return {part.name: part for part in self.parts}

    def _opened(self, name: str) -> ImageSource | Unreadable:
        if self._last is None or self._last[0] != name:
            try:
                self._last = (name, self._by_name[name].open())
            except AttribaseError as error:
                self._last = (name, Unreadable("unreadable", str(error), error.hint))
        return self._last[1]

    _last: tuple[str, ImageSource | Unreadable] | None = field(default=None, init=False, repr=False)
