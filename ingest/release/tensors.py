"""Files written by torch.save, read without running code, and large tensors in blocks of rows.

A features file is opened without its values: only entries, shapes and file offsets. Rows are read from there
when they are needed, so that a gallery of gigabytes is never in memory (of a memory map every touched page
would count).
"""

import hashlib
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...store import DataError, InvalidInputError
from .entries import entry_error, format_value

BLOCK_ROWS = 4096
ITEM_BYTES = 4  # of float32


@dataclass(frozen=True)
class StoredMatrix:
    """A float32 matrix (count, dim) in a file, row by row from byte `offset` on. `label` is for messages."""

    path: Path
    label: str
    offset: int
    count: int
    dim: int

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Rows `start` to `stop`. DataError when the file ends before them."""
        values = (stop - start) * self.dim
        at = self.offset + start * self.dim * ITEM_BYTES
        try:
            flat = np.fromfile(self.path, np.float32, values, offset=at)
        except OSError as error:
            raise DataError(f"{self.label} cannot be read: {error}", hint="check the disk") from error
        if len(flat) != values:
            raise DataError(f"{self.label} is cut short", hint="get the file again")
        return flat.reshape(stop - start, self.dim)

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """(first row, rows), a bounded number at a time."""
        for start in range(0, self.count, BLOCK_ROWS):
            yield start, self.read(start, min(start + BLOCK_ROWS, self.count))

    def check_finite(self) -> None:
        """Raise InvalidInputError that names the first row with a value that is not finite."""
        for start, rows in self.blocks():
            good = np.isfinite(rows).all(axis=1)
            if not good.all():
                raise InvalidInputError(
                    f"{self.label}[{start + int(np.argmin(good))}] has NaN or infinite values",
                    hint="get the file again, or extract its features again; nothing was imported",
                )


def load_without_values(path: Path, name: str) -> tuple[dict[str, Any], str]:
    """(entries, digest) of a features file; its tensors have shapes and file offsets but no values.

    Raises DataError for a file that torch.save did not write, or that could run code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise DataError(
            f"{name} is not a file of tensors, or cut short: {error}",
            hint="get it again, in the format that torch.save writes since version 1.6",
        ) from error
    if any(record.compress_type != zipfile.ZIP_STORED for record in records):
        raise DataError(f"{name} is compressed", hint="save it again with torch.save")
    facts = sorted((record.filename.partition("/")[2], record.file_size, record.CRC) for record in records)
    return _load_empty(path, name), hashlib.sha256(repr(facts).encode()).hexdigest()


def _load_empty(path: Path, name: str) -> dict[str, Any]:
    """Entries whose tensors have no values, but storages that know their file offset."""
    import torch

    if hasattr(
        torch.serialization, "_is_meta_location"
    ):  # then "meta" keeps the file offset, too, and is fast
        return load_tensors(path, name, "meta")
    return _load_fake(path, name)


def _load_fake(path: Path, name: str) -> dict[str, Any]:
    """The same with older versions of torch, at the cost of seconds of imports."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return load_tensors(path, name)


def load_tensors(path: Path, name: str, device: str = "cpu") -> dict[str, Any]:
    """The entries of a file of tensors. Raises DataError for one with anything else, which is never run."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about files that are refused anyway
            entries = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # the unpickler raises errors of any type for a broken file
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(
            f"{name} is cut short or holds something other than tensors: {reason}",
            hint="get the file again; a file that could run code when it is opened is not opened",
        ) from error
    if not isinstance(entries, dict):
        raise entry_error(name, "the whole file", f"is {format_value(entries)}, not a dictionary")
    return entries


def open_matrix(path: Path, name: str, entry: str, value: Any, *, rows: int) -> StoredMatrix:
    """The tensor `value` of `load_without_values` as a matrix of `rows` rows, all finite.

    Raises InvalidInputError for another type, shape or values that are not finite, naming file and entry.
    """
    import torch

    if not isinstance(value, torch.Tensor):
        raise entry_error(name, entry, f"is {format_value(value)}, not a tensor")
    if value.dtype != torch.float32:
        raise entry_error(name, entry, f"is {str(value.dtype).removeprefix('torch.')}, not float32")
    if value.ndim != 2 or not value.shape[1]:
        raise entry_error(name, entry, f"has shape {tuple(value.shape)}, not (items, dim)")
    if len(value) != rows:
        raise entry_error(name, entry, f"has {len(value)} rows for {rows} paths")
    if value.layout != torch.strided or not value.is_contiguous():
        raise entry_error(name, entry, "is not stored row by row; save it with .contiguous()")
    storage = value.untyped_storage()
    start, held = int(value.storage_offset()) * ITEM_BYTES, int(storage.nbytes())
    place = storage._checkpoint_offset
    if place is None or start + value.numel() * ITEM_BYTES > held or place + held > path.stat().st_size:
        raise DataError(f"{name}: {entry} is cut short", hint="get the file again")
    count, dim = (int(size) for size in value.shape)
    found = StoredMatrix(path, f"{name}: {entry}", place + start, count, dim)
    found.check_finite()
    return found
