"""The store of a study that names none: the embedded world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..demo import DemoSettings, make_world
from ..store import Step, Store
from .folder import StudyFolder


def needs_world(folder: StudyFolder, uri: str | None) -> bool:
    """Whether no store is named and no study of another one was started in the folder."""
    return uri is None and folder.find_record() is None


def write_world(folder: StudyFolder, *, models: int = 168, workers: int | None = None) -> Iterator[Step]:
    """Make the embedded world in the folder's own store; after a stop, the next call goes on from there."""
    settings = DemoSettings(folder=Path(folder.path), models=models, workers=workers)
    yield from make_world(Store.create(folder.store), settings)
