"""What an image source is: it lists its items cheaply and reads them shard by shard."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class ImageRecord:
    """One image as its source has it.

    Attributes:
        uri: where it is from.
        data: its encoded bytes, or None when it is only referenced.
        metadata: what else the source says, as JSON values.
    """

    uri: str
    data: bytes | None
    caption: str | None = None
    category: str | None = None
    creator: str | None = None
    license: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """An item that the source cannot hand over."""

    reason: str
    detail: str


class ImageSource(Protocol):
    """A folder, a table, the embedded world."""

    def describe(self) -> Mapping[str, Any]:
        """What identifies the source and its state, as JSON values: when it changes, it is read again."""

    def items(self) -> Sequence[str]:
        """The name of every item, in reading order. Reads no image."""

    def read(self, items: Sequence[str]) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        """(name, record) of some items, in their order."""
