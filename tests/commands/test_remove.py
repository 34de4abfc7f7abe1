"""`attribase ingest remove` and `ingest readmit`."""

import json

import pytest
from attribase.cli import cli
from attribase.query import attribute_many
from attribase.store import Store
from attribase.store.tombstones import read_tombstones
from click.testing import CliRunner

from ..store.gallery import COUNT, EXEMPLAR, IDS, VECTORS, files_holding, fill, picture_run


@pytest.fixture
def gallery(tmp_path):
    return fill(Store.create(tmp_path / "store"))


@pytest.fixture
def run(gallery):
    def invoke(*arguments, **options):
        command = ["-s", gallery.uri, "ingest", *map(str, arguments)]
        return CliRunner().invoke(cli, command, **options)

    return invoke


def test_a_dry_run_shows_the_rows_and_removes_none(gallery, run):
    before = gallery.versions()
    done = run("remove", "--where", "creator = 'Jane Doe'", "--dry-run", "--format", "json")
    assert done.exit_code == 0
    assert {row["table"]: row["rows"] for row in json.loads(done.stdout)} == {
        "images": 2,
        "members": 2,
        "vectors_e": 2,
        "views_e": 2,
    }
    assert "1 runs" in done.stderr
    assert gallery.versions() == before


def test_what_is_removed_and_erased_is_in_no_file(gallery, run, tmp_path):
    names = tmp_path / "ids.txt"
    names.write_text(f"{IDS[3]}\n\n/photos/4.png\nnothing\n")
    done = run("remove", "--ids", names, "--reason", "opt-out", "--erase", "--yes")
    assert done.exit_code == 0, done.stderr
    assert "not in the store: 1 of the ids or uris, the first is nothing" in done.stderr
    assert "removed 2 images" in done.stderr
    for n in (3, 4):
        assert files_holding(gallery, picture_run(n)) == files_holding(gallery, VECTORS[n].tobytes()) == []
        assert read_tombstones(gallery).by_id[IDS[n]].reason == "opt-out"
    assert gallery.count("images") == COUNT - 2


def test_a_collection_that_is_not_there_is_named_with_those_that_are(run):
    result = run("remove", "--collection", "galery", "--dry-run")
    assert result.exit_code == 0  # a removal that was stopped may have emptied it
    assert "no image is in the collection 'galery': there is " in result.stderr


def test_ids_come_from_a_pipe(gallery, run):
    assert run("remove", "--ids", "-", "--yes", input=f"{IDS[3]}\n").exit_code == 0
    assert gallery.count("images") == COUNT - 1


def test_without_yes_and_a_terminal_nothing_is_removed(gallery, run):
    done = run("remove", "--where", "creator = 'Jane Doe'")
    assert done.exit_code == 1
    assert "--yes" in done.stderr
    assert gallery.count("images") == COUNT


def test_exemplars_of_models_are_refused_with_the_option_that_removes_them(gallery, run, tmp_path):
    names = tmp_path / "ids.txt"
    names.write_text(IDS[EXEMPLAR])
    refused = run("remove", "--ids", names, "--yes")
    assert refused.exit_code == 1
    assert "--models" in refused.stderr
    assert gallery.count("models") == 1
    assert run("remove", "--ids", names, "--yes", "--models").exit_code == 0
    assert (gallery.count("models"), gallery.count("samples"), gallery.count("ranks")) == (0, 0, 0)


def test_erasing_later_needs_no_selection_and_names_tags(gallery, run):
    gallery.tag("before")
    first = run("remove", "--where", "creator = 'Jane Doe'", "--yes")
    assert "--erase" in first.stderr
    assert files_holding(gallery, picture_run(3))
    refused = run("remove", "--erase")
    assert refused.exit_code == 1
    assert "before" in refused.stderr
    assert "--delete-tags" in refused.stderr
    assert run("remove", "--erase", "--delete-tags").exit_code == 0
    assert files_holding(gallery, picture_run(3)) == []


def test_a_removal_without_a_selection_is_refused(run):
    done = run("remove", "--yes")
    assert done.exit_code == 1
    assert "nothing says which images to remove" in done.stderr


def test_members_that_are_no_longer_in_their_folder_are_removed(gallery, run, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "kept.png").write_bytes(b"kept")
    rows = [{"image_id": name, "uri": str(folder / f"{name}.png")} for name in ("kept", "gone")]
    gallery.upsert("images", rows)
    gallery.upsert("members", [{"collection": "mine", "image_id": name} for name in ("kept", "gone")])
    assert run("remove", "--collection", "mine", "--missing-from", folder, "--yes").exit_code == 0
    assert gallery.read("members", where="collection = 'mine'")["image_id"].to_pylist() == ["kept"]


def test_a_removed_image_is_in_no_answer_and_may_come_back_once_readmitted(gallery, run):
    def found():
        (answer,) = attribute_many(gallery, ["sample"], encoder="e", k=COUNT)
        return {result.image_id for result in answer.results}

    assert IDS[3] in found()
    assert run("remove", "--where", "uri = '/photos/3.png'", "--yes").exit_code == 0
    assert IDS[3] not in found()
    fill(gallery)
    assert IDS[3] not in found()
    assert run("readmit", "/photos/3.png").exit_code == 0
    fill(gallery)
    assert IDS[3] in found()


def test_readmitting_needs_a_name_of_something_removed(run):
    assert "no image is named" in run("readmit").stderr
    unknown = run("readmit", "nothing")
    assert unknown.exit_code == 1
    assert "'nothing'" in unknown.stderr
