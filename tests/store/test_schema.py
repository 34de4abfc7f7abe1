import re

import pyarrow as pa
import pytest
from attribase.store import mapped_column, vectors_table, views_table
from attribase.store.columns import blob_columns, key_columns
from attribase.store.errors import InvalidInputError
from attribase.store.ids import safe_name
from attribase.store.schema import TABLES, vectors_schema, views_schema
from hypothesis import given
from hypothesis import strategies as st

READABLE = {  # by Lance filters, DuckDB and polars alike
    pa.string(),
    pa.int32(),
    pa.int64(),
    pa.float32(),
    pa.float64(),
    pa.bool_(),
    pa.timestamp("us"),
    pa.list_(pa.string()),
    pa.list_(pa.float32(), 8),
}
ALL = {
    **TABLES,
    "vectors_x": vectors_schema(8, ["tuned"], encoder="x"),
    "views_x": views_schema(8, encoder="x"),
}


@pytest.mark.parametrize("table", ALL)
def test_every_column_is_of_a_type_that_all_engines_read(table):
    schema = ALL[table]
    for field in schema:
        assert field.type in READABLE or (
            field.name in blob_columns(schema) and field.type == pa.large_binary()
        )


@pytest.mark.parametrize("table", ALL)
def test_keys_come_first_and_are_never_null(table):
    keys = key_columns(ALL[table])
    assert keys
    assert ALL[table].names[: len(keys)] == keys
    assert not any(ALL[table].field(key).nullable for key in keys)


def test_created_tables_have_exactly_the_schemas_written_down(store):
    assert store.tables() == sorted(TABLES)
    for table, schema in TABLES.items():
        found = store.schema(table)
        assert found.equals(schema)
        assert key_columns(found) == key_columns(schema)
        assert blob_columns(found) == blob_columns(schema)


def test_names_become_sql_names():
    assert vectors_table("efficientnet-lite0") == "vectors_efficientnet_lite0"
    assert views_table("CLIP ViT-B/32") == "views_clip_vit_b_32"
    assert views_table("CLIP ViT-B/32", "strong") == "views_strong_clip_vit_b_32"
    with pytest.raises(InvalidInputError, match="no augmentation 'wild'"):
        views_table("a", "wild")
    assert mapped_column("tuned") == "mapped_tuned"


@given(st.text(max_size=100))
def test_a_safe_name_is_an_identifier_and_its_own_safe_name(name):
    try:
        safe = safe_name(name)
    except InvalidInputError:
        assert len(name.lower()) > 80 or not re.search("[a-z0-9]", name.lower())
        return
    assert re.fullmatch("[a-z0-9_]{1,80}", safe)
    assert safe_name(safe) == safe
