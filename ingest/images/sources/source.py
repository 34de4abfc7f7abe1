"""The contract of an image source: it lists its items cheaply and reads them shard by shard."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .names import uri_of


@dataclass(frozen=True)
class ImageRecord:
    """One image as its source has it.

    Attributes:
        uri: where it is from.
        data: its encoded bytes, or None when it is only referenced.
        metadata: the source's other fields, as JSON values.
        subfolder: the name of the folder that it is in, below the source's own; the job's settings say what
            that means.
        origins: what says a value, by column, where that is not the source itself: a table of owners.
    """

    uri: str
    data: bytes | None
    caption: str | None = None
    category: str | None = None
    creator: str | None = None
    license: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    subfolder: str | None = None
    rights_holder: str | None = None
    license_url: str | None = None
    reservation: str | None = None
    source: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """An item that the source cannot read.

    Attributes:
        reason: one word of a closed list, such as 'truncated' or 'download-failed'.
        detail: what is wrong with this very item.
        remedy: what to do so that it can be read; empty where that follows from the reason.
    """

    reason: str
    detail: str
    remedy: str = ""


class ImageSource(Protocol):
    """A folder, a table, the embedded world."""

    @property
    def location(self) -> str:
        """The absolute path or the address of the source, which its failures are recorded under."""

    def describe(self) -> Mapping[str, Any]:
        """What identifies the source and its state, as JSON values: when it changes, it is read again."""

    def items(self) -> Sequence[str]:
        """The name of every item, in reading order. Reads no image."""

    def read(self, items: Sequence[str]) -> Iterator[tuple[str, ImageRecord | Unreadable]]:
        """(name, record) of some items, in their order."""


def absolute(name: str) -> str:
    """`name` as an absolute path where there is such a file or folder, else as it is: an address.

    Where the path is no UTF-8, a `file://` uri.
    """
    path = Path(name)
    return uri_of(path.resolve()) if path.exists() else name


def file_state(path: Path) -> dict[str, int]:
    """Size and time of change of a file, which `describe` tells one state of it from another by."""
    stat = path.stat()
    return {"size": stat.st_size, "modified": stat.st_mtime_ns}
