"""`query retrieval`: what it prints and says."""

import json

from attribase.cli import cli
from attribase.query import connect
from click.testing import CliRunner


def retrieval(small, *args):
    return CliRunner().invoke(cli, ["-s", small.store.uri, "query", "retrieval", *args])


def test_it_prints_the_rows_of_the_view(small):
    result = retrieval(small, "--label", "artist", "--format", "json")
    assert result.exit_code == 0, result.stderr
    with connect(small.store.uri) as con:
        (row,) = con.sql("from label_metrics").to_arrow_table().to_pylist()
    (printed,) = json.loads(result.stdout)
    assert printed["label"] == "creator"
    assert printed == {name: row[name] for name in printed}
    assert "up to date" in retrieval(small, "--label", "artist").stderr


def test_only_the_pair_of_collections_that_was_asked_for_is_printed(small):
    retrieval(small, "--label", "artist")
    result = retrieval(small, "--label", "artist", "--gallery", "gallery", "--format", "json")
    (row,) = json.loads(result.stdout)
    assert row["candidates"] == small.store.count(
        "members", "collection = 'gallery'"
    )  # queries elsewhere too


def test_a_label_that_no_image_has_is_an_error_in_one_line(small):
    result = retrieval(small, "--label", "style")
    assert result.exit_code != 0
    assert result.stderr.splitlines()[0] == "error: no image has a value of 'metadata.style'"
