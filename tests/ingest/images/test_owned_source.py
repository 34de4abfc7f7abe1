"""A folder or table with a table of owners beside it."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import OwnedSource, ingest_images, open_source, read_owners
from attribase.store import InvalidInputError

URL = "https://e.x/{}.png"


def run(store, source, table):
    owned = OwnedSource(open_source(str(source)), read_owners(table))
    steps = ingest_images(store, owned, "gallery")
    while True:
        try:
            next(steps)
        except StopIteration as stopped:
            return owned, stopped.value


def creators(store):
    rows = store.read("images", ["uri", "creator"]).to_pylist()
    return {row["uri"].rpartition("/")[2]: row["creator"] for row in rows}


@pytest.fixture
def folder(tmp_path, make_picture):
    for number, name in enumerate(("a.png", "b.png", "sub/c.png")):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(make_picture(number))
    return tmp_path / "photos"


def test_owners_come_by_file_name_and_other_columns_are_metadata(store, folder, tmp_path):
    (tmp_path / "o.csv").write_text("file,artist,agency\na.png,Ann,X\nc.png,Cleo,\nlost.png,Eve,\n")
    owned, summary = run(store, folder, tmp_path / "o.csv")
    assert creators(store) == {"a.png": "Ann", "b.png": None, "c.png": "Cleo"}
    where = "metadata is not null"
    assert store.read("images", ["metadata"], where)["metadata"].to_pylist() == ['{"agency": "X"}']
    said = list(owned.lines())
    assert said[0] == "o.csv: 2 of 3 rows are of images here, by file name (column 'file')"
    assert said[1] == "o.csv: 1 rows are of no image here: lost.png"
    assert said[2] == "o.csv: 1 images that were read are in no row"
    assert summary.written.new == 3


def test_a_table_in_the_folder_is_no_failure_of_it(store, folder):
    (folder / "owners.csv").write_text("file,artist\na.png,Ann\n")
    _, summary = run(store, folder, folder / "owners.csv")
    assert summary.failed == store.count("failures") == 0


def test_a_changed_table_is_read_again_and_fills(store, folder, tmp_path):
    (tmp_path / "o.csv").write_text("file,artist\na.png,Ann\n")
    run(store, folder, tmp_path / "o.csv")
    (tmp_path / "o.csv").write_text("file,artist\na.png,Bob\nb.png,Bob\n")
    _, summary = run(store, folder, tmp_path / "o.csv")
    assert creators(store) == {"a.png": "Ann", "b.png": "Bob", "c.png": None}
    assert (summary.merged.filled, summary.merged.differing) == (1, 1)


def test_owners_come_by_hash_whatever_the_files_are_called(store, folder, tmp_path, make_picture):
    digest = hashlib.sha256(make_picture(1)).hexdigest()
    (tmp_path / "o.csv").write_text(f"sha256,artist\n{digest.upper()},Bob\n")
    owned, _ = run(store, folder, tmp_path / "o.csv")
    assert creators(store) == {"a.png": None, "b.png": "Bob", "c.png": None}
    assert next(owned.lines()) == "o.csv: 1 of 1 rows are of images here, by hash (column 'sha256')"


def test_owners_of_a_table_come_by_uri_and_not_by_file_name(store, tmp_path, make_picture):
    pq.write_table(
        pa.table({"url": [URL.format(n) for n in range(2)], "image": [make_picture(n) for n in range(2)]}),
        tmp_path / "p.parquet",
    )
    (tmp_path / "o.csv").write_text(f"url,artist\n{URL.format(1)},Bob\n")
    run(store, tmp_path / "p.parquet", tmp_path / "o.csv")
    assert creators(store) == {"0.png": None, "1.png": "Bob"}
    (tmp_path / "names.csv").write_text("file,artist\n0.png,Ann\n")
    with pytest.raises(InvalidInputError, match="names files") as raised:
        OwnedSource(open_source(str(tmp_path / "p.parquet")), read_owners(tmp_path / "names.csv"))
    assert "ingest update" in raised.value.hint


def test_a_table_of_other_images_is_an_error_that_shows_both(folder, tmp_path):
    (tmp_path / "o.csv").write_text("file,artist\nz.png,Ann\n")
    with pytest.raises(InvalidInputError, match="no row of") as raised:
        OwnedSource(open_source(str(folder)), read_owners(tmp_path / "o.csv"))
    assert "'z.png'" in raised.value.hint
    assert "'a.png'" in raised.value.hint
