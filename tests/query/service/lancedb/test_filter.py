"""Filters of LanceDB's client: what they select, and what is no filter."""

from datetime import datetime

import duckdb
import lance
import pyarrow as pa
import pytest
from attribase.query.service.lancedb.filter import filter_rows, parse_filter
from attribase.store.errors import InvalidInputError

from ...conditions.refused import REFUSED as REFUSED_OF_IMAGES

ROWS = pa.table(
    {
        "item_id": ["a", "b", "it's", "back\\slash", None],
        "item_kind": ["image", "sample", "image", "Image", "image"],
        "width": [1, 2, 3, None, 5],
        "share": [0.5, 1.5, -2.0, 0.0, None],
        "good": [True, False, None, True, False],
        "created": pa.array([datetime(2020, month, 1) for month in range(1, 6)], pa.timestamp("us")),
        "names": [["x"], ["y", "x"], [], None, ["z"]],
    }
)

SELECTED = [
    "item_kind = 'image' and item_id in ('a', 'b')",
    "item_id = 'it''s' or item_id = 'back\\slash'",
    "item_id = '\\' or item_kind = 'sample'",
    "item_id not in ('a')",
    "not (item_kind like 'im%' or width is null)",
    "item_kind not like 'im%'",
    "item_kind ilike 'IMAGE' and width is not null",
    "width between 1 and 2",
    "width not between 1 and 2",
    "width >= 2 and width < 5 or share <> 0.5",
    "width + 1 = 3 or -width = -3 or width * 2 % 4 = 2",
    "share > -1e0 and share <= 1.5",
    "item_id || 'x' = 'ax'",
    "good",
    "good is true",
    "good is not true",
    "good is distinct from false",
    "true",
    "null = width",
    "cast(width as varchar) = '1'",
    "cast(width as string) = '1' or width::bigint = 2",
    "created > timestamp '2020-02-01 00:00:00'",
    "created > date '2020-02-01'",
    "date_part('year', created) = 2020",
    "coalesce(item_id, 'z') = 'z'",
    "nullif(item_id, 'a') is null",
    "array_has(names, 'x')",
    "names[1] = 'x'",
    "lower(item_kind) = 'image' and length(item_id) > 1",
    "trim(item_id) = 'a' or upper(item_id) = 'B'",
    "starts_with(item_id, 'i') or contains(item_id, 'b')",
    "abs(share) = 2 or round(share) = 2",
    "rtrim(ltrim(item_id)) = 'b' or strpos(item_id, 't') = 2",
    "ITEM_KIND = 'image' and Width = 1",
    "width = 1 -- the first",
    "/* the second */ width = 2",
    "item_id = $$a$$",
    "item_id ~ '(a+)+$'",
    "regexp_matches(item_id, 'a')",
    "case when good then 1 else 2 end = 1",
    "try_cast(item_id as int) is null",
    "item_id like 'a!%' escape '!'",
    "width / 2 = 0.5",
    "share // 1 = 1",
    "(" * 10 + "width = 1" + ")" * 10,
    " or ".join(f"width = {n}" for n in range(400)),
    f"item_id in ({', '.join(repr('a' * n) for n in range(1, 1000))})",
]

REFUSED = [
    "   ",
    "nope = 1",
    "item_id =",
    "width = 1 limit 1",
    "width = 1; drop table x",
    "width = 1) or (1 = 1",
    "true union select 1",
    "true order by 1",
    "true group by width",
    "item_id in (select item_id from x)",
    "exists (from x)",
    "width = $1",
    "width = ?",
    "repeat('a', 10000000000) = 'x'",
    "length(repeat('a', 99999999)) = 1",
    "lpad(item_id, 1000000000, 'x') = 'x'",
    "random() > 0.5",
    "version() = 'x'",
    "main.lower(item_id) = 'a'",
    "count(*) > 1",
    "row_number() over () = 1",
    "cast(item_id as blob) = 'a'",
    "item_id collate nocase = 'a'",
    "x'00' = item_id",
    "1e400 = share",
    "x.item_id = 'a'",
    "names[1:2] is null",
    "(width, share) = (1, 2)",
    "[x for x in names] is null",
    "list_transform(names, lambda x: x) is null",
    "~ width = 1",
    "@ width = 1",
    "not " * 40 + "good",
    "-" * 40 + "width = 1",
    "(" * 3000 + "true" + ")" * 3000,
    "not " * 20_000 + "true",
    "width" + " + 1" * 5000 + " = 1",
    " or ".join(f"width = {n}" for n in range(600)),
    " or ".join(f"(width = {n} and good)" for n in range(300)),
    "'" + "a" * 4_000_000,
]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return lance.write_dataset(ROWS, tmp_path_factory.mktemp("lance") / "rows.lance")


def places(table, text):
    return filter_rows(table, parse_filter(text)).places.tolist()


@pytest.mark.parametrize("text", SELECTED, ids=lambda text: text[:40])
def test_a_filter_selects_what_duckdb_selects(table, text):
    numbered = ROWS.append_column("place", pa.array(range(len(ROWS))))
    expected = duckdb.from_arrow(numbered).filter(duckdb.SQLExpression(text)).select("place").fetchall()
    assert places(table, text) == sorted(place for (place,) in expected)


DIFFERENT = (
    "/ 2",
    "//",
    "~ '",
    "regexp",
    "case when",
    "try_cast",
    "escape",
    "$$",
    "as varchar",
    "trim(item_id) = ",
)
"""What Lance's engine does not have, or does otherwise: `1 / 2` is 0 to it."""


@pytest.mark.parametrize(
    "text",
    [text for text in SELECTED if not any(part in text for part in DIFFERENT)],
    ids=lambda text: text[:40],
)
def test_a_filter_selects_what_lance_selects(table, text):
    found = table.scanner(columns=["created"], filter=text).to_table()["created"].to_pylist()
    assert [created.month - 1 for created in found] == places(table, text)


@pytest.mark.parametrize("text", [text for text in REFUSED if text.strip()], ids=lambda text: text[:40])
def test_what_is_no_filter_over_the_columns_is_refused_with_a_reason(table, text):
    with pytest.raises(InvalidInputError) as raised:
        places(table, text)
    assert len(str(raised.value)) < 1000
    assert raised.value.hint


def test_an_empty_filter_is_none():
    assert parse_filter("   ") is None
    assert parse_filter(None) is None


@pytest.mark.parametrize(
    "text", [text for text in REFUSED_OF_IMAGES if text.strip()], ids=lambda text: text[:40]
)
def test_what_is_no_condition_over_images_is_no_filter_either(tmp_path, text):
    row = {"image_id": "a", "creator": "b", "caption": "c", "width": 1}
    images = lance.write_dataset(pa.Table.from_pylist([row]), tmp_path / "images.lance")
    with pytest.raises(InvalidInputError):
        places(images, f"{text} ")


def test_text_in_double_quotes_is_text_as_lance_reads_it(table):
    for text in ('item_kind = "image"', 'item_kind = "image" and item_id <> "é"', '"item_id" = item_id'):
        assert len(places(table, text)) == table.count_rows(text)
    assert places(table, 'item_id = "it\'s"') == [2]


def test_rows_have_the_row_ids_of_lance(table):
    found = filter_rows(table, parse_filter("width >= 2"))
    rows = table.scanner(columns=["width"], with_row_id=True).to_table().to_pylist()
    assert found.row_ids.tolist() == [row["_rowid"] for row in rows if (row["width"] or 0) >= 2]


def test_places_leave_deleted_rows_out(tmp_path):
    table = lance.write_dataset(ROWS, tmp_path / "rows.lance")
    table.delete("width = 2")
    found = filter_rows(table, parse_filter("item_kind = 'image'"))
    taken = table.take(found.places.tolist(), columns=["item_id"])["item_id"].to_pylist()
    assert taken == ["a", "it's", None]
