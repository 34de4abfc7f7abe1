"""The commands of docs/samples.md on pictures of a model that was customized elsewhere."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from attribase.cli import cli
from attribase.query import attribute, connect
from attribase.store import Store
from click.testing import CliRunner
from PIL import Image

PAGE = Path(__file__).parents[2] / "docs" / "samples.md"
SIDE = 16


def write_picture(path, colours):
    file = io.BytesIO()
    Image.fromarray(colours.astype(np.uint8)).resize((64, 64)).save(file, "PNG")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(file.getvalue())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Twenty gallery images, two exemplars, near copies of them as a model's pictures, one of no model."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(20):
        write_picture(tmp_path / "gallery" / f"{number}.png", rng.integers(0, 256, (SIDE, SIDE, 3)))
    for name in ("dog", "cat"):
        colours = rng.integers(20, 236, (SIDE, SIDE, 3))
        write_picture(tmp_path / "exemplars" / f"{name}.png", colours)
        for number in range(2):
            write_picture(tmp_path / f"{name}{number}.png", colours + rng.integers(-9, 9, colours.shape))
            own = {"exemplars": [f"{name}.png"], "case": "pets", "split": "test", "model_name": name}
            rows.append({"file": f"{name}{number}.png", "prompt": f"a V* {name}", **own})
    write_picture(tmp_path / "other.png", rng.integers(0, 256, (SIDE, SIDE, 3)))
    rows.append({"file": "other.png", "prompt": "of no model"})
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def run(line):
    result = CliRunner().invoke(cli, line.split()[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("folder")
def test_three_commands_give_recall_per_case_and_a_picture_of_no_model_is_answered():
    for collection in ("gallery", "exemplars"):
        run(f"attribase -s my.store ingest images {collection}/ --collection {collection}")
    commands = re.findall(r"^    (attribase .*)$", PAGE.read_text(), re.MULTILINE)[-3:]
    assert [line.split()[4] for line in commands] == ["samples", "embed", "eval"]
    for line in commands:
        output = run(line)
    assert "pets" in output
    con = connect("my.store")
    rows = con.sql("select case_name, samples, recall_5 from metrics").fetchall()
    assert rows == [("pets", 4, 1.0)]
    con.close()
    store = Store.open("my.store")
    (lone,) = store.read("samples", ["sample_id"], "model_id IS NULL")["sample_id"].to_pylist()
    assert len(attribute(store, lone, k=3).results) == 3
