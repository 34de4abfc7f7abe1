"""How a source of images is opened: by this process, and again by the workers of a cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .owned_source import OwnedSource
from .owners import read_owners
from .sources.registry import open_source
from .sources.source import ImageSource


@dataclass(frozen=True)
class SourceRequest:
    """What names a source, and the table of owners beside it. Picklable.

    Attributes:
        name: as for `open_source`.
        columns: part of an image -> the column that holds it; of the table of owners first.
        metadata: the table of owners.
        match: its column that names the images.
        folder: where relative names lead from.
    """

    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    metadata: Path | None = None
    match: str | None = None
    folder: str = field(default_factory=os.getcwd)

    def open(self) -> ImageSource:
        """The source, in a process that is in `folder`. Raises as `open_source` and `read_owners`."""
        if self.metadata is None:
            return open_source(self.name, self.columns)
        owners = read_owners(self.metadata, match=self.match, columns=self.columns)
        others = {part: name for part, name in self.columns.items() if part not in owners.given}
        return OwnedSource(open_source(self.name, others), owners)


@dataclass(frozen=True)
class SourceOnNodes:
    """A source that the nodes of the Ray cluster at the address `ray` read, as well as this process."""

    request: SourceRequest
    ray: str
