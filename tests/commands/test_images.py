"""`ingest images`, `update` and `plan` as people run them."""

import json

import pytest
from attribase.cli import cli
from attribase.store import Store
from click.testing import CliRunner

from ..ingest.conftest import make_picture  # noqa: F401


def run(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path, make_picture):  # noqa: F811
    for number, name in enumerate(("ann/a.png", "ann/b.png", "bob/a.png")):
        (tmp_path / "art" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "art" / name).write_bytes(make_picture(number))
    return tmp_path / "art"


@pytest.fixture
def store_path(tmp_path):
    return tmp_path / "new.store"


def owners(path):
    rows = Store.open(path).read("images", ["category", "creator"]).to_pylist()
    return sorted((row["category"] or "", row["creator"] or "") for row in rows)


def test_a_source_without_images_creates_no_store(store_path, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.csv").write_text("url,caption\n")
    for source in ("empty", "empty.csv", "not-there"):
        result = run("-s", store_path, "ingest", "images", tmp_path / source, "--collection", "gallery")
        assert result.exit_code == 1
        assert result.stderr.startswith("error: ")
        assert not store_path.exists()


def test_what_subfolders_are_taken_as_is_said_and_chosen(store_path, folder, tmp_path):
    result = run("-s", store_path, "ingest", "images", folder, "--collection", "gallery")
    assert "taken as category of 3 images; `--subfolder creator or none`" in result.stderr
    assert owners(store_path) == [("ann", ""), ("ann", ""), ("bob", "")]
    for choice, expected in (("creator", ("", "ann")), ("none", ("", ""))):
        other = tmp_path / choice
        run("-s", other, "ingest", "images", folder, "--collection", "gallery", "--subfolder", choice)
        assert owners(other)[0] == expected


def test_a_collection_that_is_not_compared_is_said(store_path, folder):
    for collection, said in (("gallery", False), ("photos", True)):
        result = run("-s", store_path, "ingest", "images", folder, "--collection", collection)
        assert ("only the collection 'gallery' is compared" in result.stderr) is said


def test_the_last_line_counts_this_run_and_the_collection(store_path, folder):
    (folder / "c.png").write_bytes(b"")
    (folder / "copy.png").write_bytes((folder / "ann" / "a.png").read_bytes())
    result = run("-s", store_path, "ingest", "images", folder, "--collection", "gallery")
    assert result.stderr.splitlines()[-1].endswith(
        "5 items read: 3 new, 1 already known, 0 updated, 1 left out; 'gallery' has 3 distinct images now"
    )
    again = run("-s", store_path, "ingest", "images", folder, "--collection", "gallery").stderr
    assert "nothing new, it was read before and has not changed; 'gallery' has 3 distinct images now" in again
    assert "1 item of it could not be used then" in again


def test_owners_come_with_the_images_and_later(store_path, folder, tmp_path):
    (tmp_path / "o.csv").write_text("file;Künstler\nann/a.png;Ann\n", encoding="cp1252")
    first = ("--metadata", tmp_path / "o.csv", "--column", "creator=Künstler", "--subfolder", "none")
    result = run("-s", store_path, "ingest", "images", folder, "--collection", "gallery", *first)
    assert result.exit_code == 0, result.stderr
    assert "1 of 1 rows are of images here, by file name" in result.stderr
    assert owners(store_path) == [("", ""), ("", ""), ("", "Ann")]
    (tmp_path / "more.csv").write_text("file,artist\nbob/a.png,Bob\nann/a.png,Eve\n")
    later = ("ingest", "update", "--metadata", tmp_path / "more.csv", "--collection", "gallery")
    assert "'Ann', not 'Eve'" in run("-s", store_path, *later).stderr
    assert owners(store_path) == [("", ""), ("", "Ann"), ("", "Bob")]
    run("-s", store_path, *later, "--update")
    assert owners(store_path) == [("", ""), ("", "Bob"), ("", "Eve")]


def test_a_folder_of_artists_makes_a_plan_of_styles(store_path, tmp_path, make_picture):  # noqa: F811
    for number in range(11):
        path = tmp_path / "art" / ("ann" if number < 6 else "bob") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_picture(number))
    given = ("--collection", "exemplars", "--subfolder", "creator")
    run("-s", store_path, "ingest", "images", tmp_path / "art", *given)
    result = run("-s", store_path, "ingest", "plan", "--kind", "style", tmp_path / "plans" / "p.jsonl")
    assert result.exit_code == 0, result.stderr
    models = [json.loads(line) for line in (tmp_path / "plans" / "p.jsonl").read_text().splitlines()]
    assert {(model["concept"], len(model["exemplar_ids"])) for model in models} == {("ann", 6), ("bob", 5)}


def test_a_column_that_neither_the_source_nor_the_owners_have_is_refused(store_path, folder, tmp_path):
    (tmp_path / "o.csv").write_text("file,by\nann/a.png,Ann\n")
    given = ("--metadata", tmp_path / "o.csv", "--column", "creator=artist")
    result = run("-s", store_path, "ingest", "images", folder, "--collection", "gallery", *given)
    assert result.exit_code == 1
    assert "have no column 'artist' for creator" in result.stderr
