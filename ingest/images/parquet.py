"""The rows of a Parquet file, for `TableSource`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ...store import InvalidInputError


@dataclass
class ParquetRows:
    """A Parquet file, read a row group at a time; the last group is kept in memory."""

    path: Path
    _last: tuple[int, tuple[str, ...], pa.Table] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            self._file = pq.ParquetFile(self.path)
        except (pa.ArrowException, OSError) as error:
            raise InvalidInputError(
                f"{self.path} is not a Parquet file: {error}", hint="check the path"
            ) from error
        metadata = self._file.metadata
        sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
        self._starts = [sum(sizes[:index]) for index in range(len(sizes))]
        self._sizes = sizes

    @property
    def schema(self) -> pa.Schema:
        """Its Arrow schema."""
        return self._file.schema_arrow

    def count(self) -> int:
        """How many rows it has."""
        return int(self._file.metadata.num_rows)

    def rows(self, start: int, count: int, columns: Sequence[str]) -> pa.Table:
        """Consecutive rows, from as many row groups as they lie in."""
        parts = []
        for group, (first, size) in enumerate(zip(self._starts, self._sizes, strict=True)):
            begin, end = max(start, first), min(start + count, first + size)
            if begin < end:
                parts.append(self._group(group, tuple(columns)).slice(begin - first, end - begin))
        return pa.concat_tables(parts)

    def _group(self, group: int, columns: tuple[str, ...]) -> pa.Table:
        if self._last is None or self._last[:2] != (group, columns):
            self._last = (group, columns, self._file.read_row_group(group, columns=list(columns)))
        return self._last[2]
