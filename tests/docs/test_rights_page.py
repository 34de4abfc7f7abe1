"""docs/rights.md: its story runs, command by command, from a picture to a signed document."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from attribase.cli import cli
from attribase.query import connect
from attribase.store.rights import read_log
from click.testing import CliRunner

from ..packs.conftest import made_once, pictured, pictured_once, png  # noqa: F401

PAGE = (Path(__file__).parents[2] / "docs" / "rights.md").read_text(encoding="utf-8")


def story():
    """The six commands of the page's `sh` block."""
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [shlex.split(line) for line in block.splitlines()]


@pytest.fixture
def _ada(pictured, tmp_path, monkeypatch):  # noqa: F811 - the fixture of that name
    """A store with images by Ada, a picture like one of them, and the encoder's network as its vectors."""
    monkeypatch.chdir(tmp_path)
    rows = pictured.store.read("images").to_pylist()
    by_ada = [row | {"creator": "Ada", "bytes": png(n)} for n, row in enumerate(rows) if n % 5 == 0]
    pictured.store.upsert("images", by_ada, update=True)
    Path("picture.png").write_bytes(png(999))
    near = pictured.vectors[by_ada[3]["image_id"]] + 0.01

    class Network:
        captions = False

        def encode(self, images, _=()):
            return np.stack([near.astype(np.float32)] * len(images))

    monkeypatch.setattr("attribase.query.session.Snapshot.network", lambda *_: Network())


@pytest.mark.usefixtures("_ada")
def test_the_story_runs_from_a_wish_to_a_verified_pack(pictured):  # noqa: F811
    uri, said = pictured.store.uri, []
    assert len(story()) == 6
    for words in story():
        assert words[0] == "attribase"
        done = CliRunner().invoke(cli, ["-s", uri, *words[1:]], catch_exceptions=False)
        assert done.exit_code == 0, (words, done.output)
        said.append(done.output)
    ada = pictured.store.count("images", "creator = 'Ada'")
    assert pictured.store.count("images", "reservation = 'opt-out'") == ada > 0
    (row, *_) = read_log(pictured.store)
    assert (row["provenance"], row["origin"], row["note"]) == ("hand", "legal", "letter of 3 November")
    assert "opt-out" in said[1]
    assert "of the influence is of images with a reservation" in said[2]
    page = Path("usage.html").read_text(encoding="utf-8")
    assert "opt-out: training is refused" in page
    answer = json.loads(Path("picture.pack/answer.json").read_text(encoding="utf-8"))
    assert "opt-out" in {image["reservation"] for image in answer["rights"]}
    assert "FAILED" not in said[5]


@pytest.mark.usefixtures("_ada")
def test_the_sql_of_the_page_runs(pictured):  # noqa: F811
    (statement,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    pictured.store.upsert(
        "samples",
        [row | {"created": None} for row in pictured.store.read("samples").to_pylist()],
        update=True,
    )
    with connect(pictured.store.uri) as con:
        last = con.sql("select date_trunc('month', now()::timestamp) - interval 2 day").fetchall()[0][0]
    dated = [row | {"created": last} for row in pictured.store.read("samples").to_pylist()[:4]]
    pictured.store.upsert("samples", dated, update=True)
    with connect(pictured.store.uri) as con:
        rows = con.sql(statement).to_arrow_table().to_pylist()
    assert {row["samples"] for row in rows} == {4}
    assert sum(row["influence"] for row in rows) == pytest.approx(1, abs=0.01)
