"""Images that were removed from the store, or from their folder, when the folder is ingested again."""

import pytest
from attribase.ingest.images import ingest_images, open_source
from attribase.store import content_id
from attribase.store.removal import readmit, remove
from attribase.store.removal_plan import plan_removal


@pytest.fixture
def folder(tmp_path, make_picture):
    folder = tmp_path / "photos"
    folder.mkdir()
    for n, name in enumerate(("a.png", "b.png")):
        (folder / name).write_bytes(make_picture(n))
    return folder


def ingested(store, folder):
    """The summary of one run."""
    running = ingest_images(store, open_source(str(folder)), "gallery")
    while True:
        try:
            next(running)
        except StopIteration as end:
            return end.value


def test_a_removed_image_is_left_out_with_a_reason_until_it_is_readmitted(store, folder, tmp_path):
    ingested(store, folder)
    removed = content_id((folder / "a.png").read_bytes())
    list(remove(store, plan_removal(store, ids=[str(folder / "a.png")]), reason="opt-out"))
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "other.png").write_bytes((folder / "a.png").read_bytes())
    for again in (folder, copies):
        summary = ingested(store, again)
        assert [reason for reason, _ in summary.failures] == ["removed"]
        assert any("readmit" in line for line in summary.lines())
    rows = store.read("failures").sort_by("item").to_pylist()
    assert [(row["item"], row["reason"]) for row in rows] == [("a.png", "removed"), ("other.png", "removed")]
    assert all("opt-out" in row["detail"] for row in rows)
    assert store.count("images") == store.count("members") == 1

    readmit(store, [removed])
    assert ingested(store, folder).written.new == 1
    assert store.read("failures", ["item"])["item"].to_pylist() == ["other.png"]
    assert store.count("members", f"image_id = '{removed}'") == 1


def test_a_reference_to_a_removed_uri_is_left_out(store, tmp_path):
    (tmp_path / "urls.csv").write_text("url\nhttps://a.example/1.png\nhttps://a.example/2.png\n")
    ingested(store, tmp_path / "urls.csv")
    list(remove(store, plan_removal(store, ids=["https://a.example/1.png"])))
    (tmp_path / "more.csv").write_text("url\nhttps://a.example/1.png\nhttps://a.example/3.png\n")
    assert [reason for reason, _ in ingested(store, tmp_path / "more.csv").failures] == ["removed"]
    assert sorted(store.read("images", ["uri"])["uri"].to_pylist()) == [
        "https://a.example/2.png",
        "https://a.example/3.png",
    ]


def test_members_that_left_their_folder_are_counted_with_the_command_that_removes_them(
    store, folder, make_picture
):
    assert ingested(store, folder).gone == 0
    (folder / "b.png").unlink()
    (folder / "a.png").write_bytes(make_picture(7))
    summary = ingested(store, folder)
    assert summary.gone == 2
    *_, how, totals = summary.lines()
    assert f"--collection gallery --missing-from {folder}" in how
    assert "3 distinct images now, 2 of them no longer in the folder" in totals
    plan = plan_removal(store, collection="gallery", missing_from=folder)
    list(remove(store, plan))
    kept = content_id((folder / "a.png").read_bytes())
    assert store.read("images", ["image_id"])["image_id"].to_pylist() == [kept]
    assert ingested(store, folder).gone == 0
