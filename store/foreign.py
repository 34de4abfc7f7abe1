"""Reading Lance datasets that are not this store's tables."""

from collections.abc import Sequence

import lance
import pyarrow as pa

from .errors import InvalidInputError


class ForeignDataset:
    """A Lance dataset somewhere else: its schema, its size, and rows by their position."""

    def __init__(self, uri: str) -> None:
        try:
            self._dataset = lance.dataset(uri)
        except (ValueError, OSError) as error:
            raise InvalidInputError(f"{uri} is no Lance dataset: {error}", hint="check the path") from error

    @property
    def schema(self) -> pa.Schema:
        """Its Arrow schema."""
        return self._dataset.schema

    @property
    def version(self) -> int:
        """The version that is read."""
        return int(self._dataset.version)

    def count(self) -> int:
        """How many rows it has."""
        return int(self._dataset.count_rows())

    def rows(self, start: int, count: int, columns: Sequence[str]) -> pa.Table:
        """`count` rows from position `start`; blob columns come as bytes."""
        return self._dataset.scanner(
            columns=list(columns), offset=start, limit=count, blob_handling="all_binary"
        ).to_table()
