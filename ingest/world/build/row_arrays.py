"""Arrays on disk that are filled row by row: what was filled survives a stop, and the next call goes on.

A folder holds NAME.npy for each array, done.npy (which rows are filled) and settings.json (what the rows
were made from and how): rows of other settings are never mixed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ....store.errors import LimitError, NotFoundError

Array = npt.NDArray[Any]
Specs = Mapping[str, tuple[tuple[int, ...], str]]
"""Shape (rows, ...) and dtype of each array; all have the same number of rows."""


class RowArrays:
    """The arrays of a folder, writable.

    Args:
        folder: made, or made anew when its rows have other settings or shapes.
        specs: the arrays.
        settings: what decides the values of a row.

    Raises:
        LimitError: the disk has too little space.
    """

    def __init__(self, folder: Path, specs: Specs, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        described = {"arrays": {name: [*shape, dtype] for name, (shape, dtype) in specs.items()}, **settings}
        if _read_settings(folder) != described:
            _create(folder, specs, described)
        self._arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r+") for name in specs}
        self.done = np.load(folder / "done.npy")

    def write(self, rows: slice, values: Mapping[str, Array]) -> None:
        """Fill `rows` of every array, then record that they are filled."""
        for name, array in self._arrays.items():
            array[rows] = values[name]
            array.flush()
        self.done[rows] = True
        _save(self.folder / "done.npy", self.done)


def load_rows(folder: Path, step: str) -> tuple[dict[str, Array], dict[str, Any]]:
    """The filled arrays of `folder`, and their settings.

    The arrays are mapped into memory; what is written to them is not written to disk.

    Raises:
        NotFoundError: there are none, or not all rows are filled; `step` is the build step that fills them.
    """
    settings = _read_settings(folder)
    if settings is None or not np.load(folder / "done.npy").all():
        missing = f"no {folder.name}" if settings is None else f"not all {folder.name} are made"
        raise NotFoundError(f"{missing} in {folder.parent}", hint=f"run the `{step}` step first")
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in settings.pop("arrays")}
    return arrays, settings


def _read_settings(folder: Path) -> dict[str, Any] | None:
    path = folder / "settings.json"
    return json.loads(path.read_text()) if path.exists() else None


def _create(folder: Path, specs: Specs, described: Mapping[str, Any]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    needed = sum(int(np.prod(shape)) * np.dtype(dtype).itemsize for shape, dtype in specs.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise LimitError(
            f"{folder} needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
            hint="use another disk for --work, or fewer --looks",
        )
    for name, (shape, dtype) in specs.items():
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape)
    rows = next(iter(specs.values()))[0][0]
    _save(folder / "done.npy", np.zeros(rows, bool))
    (folder / "settings.json").write_text(json.dumps(described))


def _save(path: Path, values: Array) -> None:
    draft = path.with_suffix(".part.npy")
    np.save(draft, values)
    draft.replace(path)
