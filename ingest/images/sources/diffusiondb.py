"""DiffusionDB's `metadata.parquet`: a row a picture, by the name of its part and file.

Source: arXiv:2210.14896; the columns are those of the dataset's card (`poloclub/diffusiondb`).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ....store import InvalidInputError
from .rows import Row, Rows
from .source import Unreadable

FILE, PART = "image_name", "part_id"
SAMPLERS = {
    1: "ddim",
    2: "plms",
    3: "k_euler",
    4: "k_euler_ancestral",
    5: "k_heun",
    6: "k_dpm_2",
    7: "k_dpm_2_ancestral",
    8: "k_lms",
    9: "others",
}
"""The names of the numbers in `sampler`; the `.json` of a part has the names themselves."""

FOLDERS = ("", "images/")
"""Where the parts lie, relative to the table."""


def is_part_table(columns: Sequence[str]) -> bool:
    """Whether a table names pictures by part and file."""
    return {FILE, PART} <= set(columns)


class PartRows:
    """The rows of such a table, whose `image_name` is the path of the picture: `part-000001/x.png`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.columns, self.labels = rows.columns, rows.labels

    def count(self) -> int:
        """How many rows it has."""
        return self._rows.count()

    def rows(self, start: int, count: int, columns: Sequence[str] = ()) -> Iterator[Row]:
        """Consecutive rows; with `columns` only those."""
        wanted = [*columns, PART] if FILE in columns and PART not in columns else columns
        for row in self._rows.rows(start, count, wanted):
            yield row if isinstance(row, Unreadable) else _named(row)


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the path of its file, and the name of its sampler."""
    part, name, sampler = row.get(PART), row.get(FILE), row.get("sampler")
    if isinstance(part, int | float) and isinstance(name, str) and not isinstance(part, bool):
        row[FILE] = f"part-{int(part):06d}/{name}"
    if isinstance(sampler, int):
        row["sampler"] = SAMPLERS.get(sampler, sampler)
    return row


def parts_there(table: Path) -> Mapping[str, Sequence[int]]:
    """The condition that rows of `table` are of a part that lies beside it.

    Raises InvalidInputError where there is none.
    """
    folders = [
        one for place in FOLDERS for one in table.parent.joinpath(place).glob("part-*") if one.is_dir()
    ]
    numbers = {int(one.name[5:]) for one in folders if one.name[5:].isdigit()}
    if not numbers:
        raise InvalidInputError(
            f"no part of DiffusionDB lies beside {table.name}",
            hint="unpack part-000001.zip into a folder part-000001 there, or ingest the zip itself",
        )
    return {PART: sorted(numbers)}
