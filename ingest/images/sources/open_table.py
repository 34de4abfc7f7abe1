"""Opens a table by its ending."""

from .files import DataFile
from .names import ending_of
from .rows import Rows
from .text_tables import open_text_table


def open_rows(file: DataFile) -> Rows:
    """The rows of a Parquet, Arrow, CSV, TSV, JSON-lines or JSON file.

    Raises InvalidInputError for a file that is not what its ending says.
    """
    if ending_of(file.path) in ("parquet", "pq"):
        from .parquet import ParquetRows

        return ParquetRows(file)
    if ending_of(file.path) == "arrow":
        from .parquet import ArrowRows

        return ArrowRows(file)
    return open_text_table(file)
