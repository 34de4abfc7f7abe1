"""Which column holds what: by option, by name."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import ingest_images, open_source, parse_columns
from attribase.store import InvalidInputError

from ..stored import read_all


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


def test_names_are_recognised_in_any_case_and_spelling(tmp_path, make_picture):
    table = {
        "SAMPLE_ID": [1],
        "URL": ["https://e.x/a.jpg"],
        "TEXT": ["a frog"],
        "LICENSE": ["cc0"],
        "Artist-Name": ["Ann"],
        "similarity": [0.5],
        "JPG": [make_picture(1)],
    }
    pq.write_table(pa.table(table), tmp_path / "laion.parquet")
    (record,) = read_all(tmp_path / "laion.parquet").values()
    assert (record.uri, record.caption, record.license) == ("https://e.x/a.jpg", "a frog", "cc0")
    assert (record.creator, record.metadata) == ("Ann", {"SAMPLE_ID": 1, "similarity": 0.5})


def test_bytes_come_from_the_column_that_holds_pictures_whatever_it_is_called(tmp_path, make_picture):
    table = {"image": ["a title"], "data": [b"no picture"], "x1": [make_picture(1)], "label": [3]}
    pq.write_table(pa.table(table), tmp_path / "odd.parquet")
    (record,) = read_all(tmp_path / "odd.parquet").values()
    assert record.data == make_picture(1)
    assert record.uri == f"{tmp_path}/odd.parquet#0"
    assert record.metadata == {"image": "a title"}
    assert record.category == "3"


def test_of_two_columns_of_pictures_the_one_with_the_known_name_counts(tmp_path, make_picture):
    table = {"mask": [make_picture(1)], "image": [make_picture(2)]}
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    (record,) = read_all(tmp_path / "pairs.parquet").values()
    assert record.data == make_picture(2)


def test_columns_of_paths_are_told_from_urls_by_the_files_that_are_there(tmp_path, make_picture):
    (tmp_path / "imgs").mkdir()
    (tmp_path / "imgs" / "a.png").write_bytes(make_picture(1))
    table = {"url": ["https://e.x/a"], "local": ["imgs/a.png"]}
    pq.write_table(pa.table(table), tmp_path / "both.parquet")
    (record,) = read_all(tmp_path / "both.parquet").values()
    assert (record.uri, record.data) == ("https://e.x/a", make_picture(1))


def test_two_columns_of_one_name_are_refused(tmp_path, make_picture):
    table = pa.table(
        [pa.array([make_picture(1)]), pa.array(["a"]), pa.array(["b"])], names=["image", "t", "t"]
    )
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InvalidInputError, match="two columns called 't'"):
        open_source(str(tmp_path / "a.parquet"))


def test_a_column_of_urls_or_paths_called_image_is_the_uri(tmp_path):
    pq.write_table(pa.table({"image": ["https://e.x/a.png"], "text": ["a"]}), tmp_path / "a.parquet")
    (record,) = read_all(tmp_path / "a.parquet").values()
    assert (record.uri, record.data, record.caption) == ("https://e.x/a.png", None, "a")
