"""`query attribute`: folders of pictures, and the files that answers are written to."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image


class Ones:
    """A network that finds the same in every picture."""

    captions = False

    def encode(self, images):
        return np.ones((len(images), 16), np.float32)


def test_a_folder_stands_for_its_pictures_and_one_bad_picture_is_named(run, tmp_path, monkeypatch, picture):
    monkeypatch.setattr("attribase.query.session.Snapshot.network", lambda *_: Ones())
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.png").write_bytes(picture("red"))
    (folder / "deep" / "A.JPG").write_bytes(picture("blue"))
    (folder / "c.png").write_bytes(b"not a picture")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"")
    good = [str(folder / "b.png"), str(folder / "deep" / "A.JPG")]
    for together in (1, 256):
        monkeypatch.setattr("attribase.commands.attribute.TOGETHER", together)
        said = run(str(folder), "m0-s0", "-k", "1", "-o", str(tmp_path / "rows.jsonl"))
        assert said.exit_code == 1
        assert said.stderr.count("error: ") == 1
        assert f"error: {folder / 'c.png'}: the bytes are in no known image format" in said.stderr
        answers = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
        assert [one["query"] for one in answers] == [good[0], str(folder / "c.png"), good[1], "m0-s0"]
        assert ["error" in one for one in answers] == [False, True, False, False]
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = run(str(empty))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "has no picture" in refused.stderr


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet", "html", "pdf", "md"])
def test_a_file_takes_its_format_from_its_ending(run, tmp_path, ending):
    file = tmp_path / f"answer.{ending}"
    said = run("m0-s0", "-k", "3", "-o", str(file))
    assert (said.exit_code, said.stdout) == (0, "")
    results = json.loads(run("m0-s0", "-k", "3", "--format", "json").stdout)["results"]
    ids = [one["image_id"] for one in results]
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "xlsx": pl.read_excel}.get(ending)
    if read:
        assert read(file)["image_id"].to_list() == ids
    else:
        head = {"html": b"<!doctype html>", "pdf": b"%PDF-", "md": b"# Attribution: m0"}[ending]
        assert file.read_bytes().startswith(head)


def test_several_fields_of_owners_are_answered_together(run, tmp_path):
    by = ("--by", "creator", "--by", "license")
    said = json.loads(run("m0-s0", *by, "--format", "json").stdout)
    alone = {f: json.loads(run("m0-s0", "--by", f, "--format", "json").stdout)["shares"] for f in by[1::2]}
    assert said["shares_by"] == alone
    assert (said["by"], said["shares"]) == ("creator", alone["creator"])
    assert run("m0-s0", "m1-s0", *by, "-o", str(tmp_path / "owners.csv")).exit_code == 0
    rows = pl.read_csv(tmp_path / "owners.csv").filter(pl.col("query") == "m0-s0")
    for field, shares in alone.items():
        found = rows.filter(pl.col("field") == field)
        assert found["owner"].to_list() == [one["name"] for one in shares]
        assert found["influence"].to_list() == pytest.approx([one["influence"] for one in shares], abs=5e-7)
    table = run("m0-s0", *by).stdout
    assert "by creator" in table
    assert "by license" in table
    refused = run("m0-s0", *by, "-o", str(tmp_path / "page.html"))
    assert (refused.exit_code, (tmp_path / "page.html").exists()) == (1, False)


def test_a_terminal_gets_percent_and_ids_that_picture_takes(run, monkeypatch):
    whole = json.loads(run("m0-s0", "-k", "1", "--format", "json").stdout)["results"][0]
    monkeypatch.setattr("attribase.commands.output.stdout_is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("m0-s0", "-k", "1").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert f"{100 * whole['influence']:.1f}%" in lines[-1]
    assert lines[-1].endswith(whole["image_id"][:12])
    assert "uri" in run("m0-s0", "-k", "1", "--wide").stdout


def test_markdown_shows_the_question_from_a_folder_beside_it_and_on_stdout_no_picture(
    run, tmp_path, monkeypatch, picture
):
    monkeypatch.setattr("attribase.query.session.Snapshot.network", lambda *_: Ones())
    (tmp_path / "a.png").write_bytes(picture("red"))
    said = run(str(tmp_path / "a.png"), "--by", "creator", "-o", str(tmp_path / "answer.md"))
    assert said.exit_code == 0
    text = (tmp_path / "answer.md").read_text()
    assert 'src="answer_files/question-1.png"' in text
    assert Image.open(tmp_path / "answer_files" / "question-1.png").size == (40, 40)
    assert "### By creator" in text
    plain = run(str(tmp_path / "a.png"), "--format", "md").stdout
    assert "<img" not in plain
    assert "This is no proof." in plain
