"""Which column holds what: by option, by name."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import ingest_images, open_source, parse_columns
from attribase.store import InvalidInputError


@pytest.mark.parametrize(
    ("option", "message"),
    [("image", "does not name a column"), ("image=", "does not name a column"), ("owner=x", "no 'owner'")],
)
def test_an_option_that_names_no_column_is_refused(option, message):
    with pytest.raises(InvalidInputError, match=message) as error:
        parse_columns([option])
    assert error.value.hint


def test_columns_of_any_name_can_be_given(store, tmp_path, make_picture):
    table = pa.table({"img": [make_picture(1)], "image": ["a title"], "by": ["Ann"], "caption": ["c"]})
    pq.write_table(table, tmp_path / "a.parquet")
    columns = parse_columns(["image=img", "creator=by", "caption=image"])
    list(ingest_images(store, open_source(str(tmp_path / "a.parquet"), columns), "gallery"))
    (row,) = store.read("images", ["creator", "caption", "width", "metadata"]).to_pylist()
    assert row == {"creator": "Ann", "caption": "a title", "width": 8, "metadata": '{"caption": "c"}'}


def test_a_column_that_is_not_there_is_refused_with_a_list_of_those_that_are(tmp_path, make_picture):
    pq.write_table(pa.table({"img": [make_picture(1)], "by": ["Ann"]}), tmp_path / "a.parquet")
    with pytest.raises(InvalidInputError, match="no column 'artist' for creator") as error:
        open_source(str(tmp_path / "a.parquet"), {"creator": "artist", "image": "img"})
    assert error.value.hint == "its columns are img, by"
