"""Which stored items the ids of a file mean: by id, by uri, or by the end of the path of one uri alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ...store import Store
from ...store.errors import InvalidInputError
from ...store.schema import ITEM_TABLES

SCAN_ROWS = 1 << 16


@dataclass(frozen=True)
class MatchedIds:
    """What the ids of a file mean.

    items: a row an id that means one item: `row` (its place in the file), `kind`, `item_id`. unknown: ids
    that mean nothing here; ambiguous: ids that several items answer to, which are left out too.
    """

    items: pl.DataFrame
    unknown: list[str]
    ambiguous: list[str]


def match_ids(store: Store, ids: Sequence[str]) -> MatchedIds:
    """The images and samples that `ids` mean. What is an id here is no name of another item.

    Raises:
        InvalidInputError: two ids that mean one item.
    """
    asked = pl.DataFrame({"asked": list(ids)}, schema={"asked": pl.String}).with_row_index("row")
    asked = asked.with_columns(path=pl.col("asked").str.replace_all("\\", "/", literal=True))
    asked = asked.with_columns(end=_end("path"))
    hits = pl.concat([_hits(store, kind, asked) for kind in ITEM_TABLES])
    best = hits.filter(pl.col("level") == pl.col("level").min().over("row")).unique(
        ["row", "kind", "item_id"]
    )
    counts = best.group_by("row").agg(pl.len().alias("count"))
    single = (
        best.join(counts.filter(pl.col("count") == 1), on="row").select("row", "kind", "item_id").sort("row")
    )
    twice = single.filter(pl.col("item_id").is_duplicated())
    if len(twice):
        names = [ids[row] for row in twice.filter(pl.col("item_id") == twice["item_id"][0])["row"]]
        raise InvalidInputError(
            f"{len(names)} rows are of one item: {', '.join(map(repr, names[:3]))}", hint="keep one of them"
        )
    several = set(counts.filter(pl.col("count") > 1)["row"])
    missing = asked.filter(~pl.col("row").is_in(counts["row"].implode()))["asked"].to_list()
    return MatchedIds(single, missing, [ids[row] for row in sorted(several)])


def _hits(store: Store, kind: str, asked: pl.DataFrame) -> pl.DataFrame:
    """(row, level, kind, item_id): level 0 for an id, 1 for a uri, 2 for the end of one's path."""
    table, key, _ = ITEM_TABLES[kind]
    found = [pl.DataFrame(schema={"row": pl.UInt32, "level": pl.Int32, "item_id": pl.String})]
    for batch in store.scan(table, [key, "uri"], batch_rows=SCAN_ROWS):
        items = pl.DataFrame(pl.from_arrow(batch)).rename({key: "item_id"})
        items = items.with_columns(uri_path=pl.col("uri").str.replace_all("\\", "/", literal=True))
        items = items.with_columns(uri_end=_end("uri_path"))
        by_id = asked.join(items, left_on="asked", right_on="item_id", coalesce=False)
        by_uri = asked.join(items, left_on="asked", right_on="uri", coalesce=False)
        by_end = asked.join(items, left_on="end", right_on="uri_end").filter(
            (pl.lit("/") + pl.col("uri_path")).str.ends_with(
                pl.lit("/") + pl.col("path").str.strip_chars_start("/")
            )
        )
        for level, hit in enumerate((by_id, by_uri, by_end)):
            found.append(hit.select("row", pl.lit(level, pl.Int32).alias("level"), "item_id"))
    return pl.concat(found).with_columns(pl.lit(kind).alias("kind"))


def _end(column: str) -> pl.Expr:
    """The last segment of a path."""
    return pl.col(column).str.split("/").list.last()
