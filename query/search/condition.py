"""A user's condition over `images` and `members`, evaluated to image ids.

The condition may come from a stranger, so the connection that evaluates it sees these two tables and
nothing else, and the condition must be one expression without subqueries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...store.errors import InvalidInputError
from ..relation import Relation

if TYPE_CHECKING:
    import duckdb

    from ..features import Pinned

SETTINGS = {
    "python_enable_replacements": False,
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "enable_progress_bar": False,
    "memory_limit": "1GB",
    "lock_configuration": True,
}


def matching(pinned: Pinned, where: str) -> pa.Array:
    """The distinct ids of the images for which `where` holds.

    Columns are those of `images` and, as `collection`, each collection that an image is in: an image in
    several matches when it matches in one of them.

    Raises InvalidInputError for what is no condition over these columns.
    """
    import duckdb  # imported late: `import attribase.query` stays light

    try:
        with duckdb.connect(config={}) as con:
            _prepare(con, pinned)
            expression = duckdb.SQLExpression(where)
            found = con.view("candidates").filter(expression).select("image_id").distinct()
            ids: pa.Array = found.to_arrow_table()["image_id"].combine_chunks()
            return ids
    except duckdb.Error as error:
        raise InvalidInputError(
            f"the condition {where!r} does not hold together: {_reason(error)}",
            hint="a condition is written like creator = 'someone' and license <> 'CC0'; columns are those of "
            "images, and collection",
        ) from error


def _prepare(con: duckdb.DuckDBPyConnection, pinned: Pinned) -> None:
    for table in ("images", "members"):
        con.from_arrow(Relation(pinned.dataset(table))).create_view(table)
    con.execute("create view candidates as from images left join members using (image_id)")
    for name, value in SETTINGS.items():
        con.execute(f"set {name} = {_literal(value)}")


def _literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"'{value}'"


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0].partition(": ")[2] or str(error)
