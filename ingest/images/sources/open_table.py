"""Opens a table by its ending."""

from .diffusiondb import PartRows, is_part_table
from .files import DataFile
from .names import ending_of
from .rows import Rows
from .text_tables import open_text_table


def open_rows(file: DataFile) -> Rows:
    """The rows of a Parquet, Arrow, CSV, TSV, JSON-lines or JSON file.

    Raises InvalidInputError for a file that is not what its ending says.
    """
    rows = _open_plain_rows(file)
    return PartRows(rows) if is_part_table(rows.columns) else rows


def _open_plain_rows(file: DataFile) -> Rows:
    if ending_of(file.path) in ("parquet", "pq"):
        from .parquet import ParquetRows

        return ParquetRows(file)
    if ending_of(file.path) == "arrow":
        from .parquet import ArrowRows

        return ArrowRows(file)
    return open_text_table(file)
