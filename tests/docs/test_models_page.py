"""The first commands of docs/models.md, from a LoRA and its training folder to Recall@10."""

import re
from pathlib import Path

import pytest
from attribase.cli import cli
from attribase.query import attribute, connect
from attribase.store import Store
from attribase.store.checks import check
from click.testing import CliRunner
from safetensors.torch import save_file

from ..ingest.conftest import picture, tiny_pipeline
from ..ingest.model_files.layers import kohya

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A base, twenty gallery images, a LoRA in kohya's layout, and the three images it was trained on."""
    monkeypatch.chdir(tmp_path)
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(tmp_path / "sd15")
    save_file(kohya(pipeline), tmp_path / "cat.safetensors", metadata={"ss_network_dim": "4"})
    for name, count in (("photos", 20), ("cat-photos", 3)):
        (tmp_path / name).mkdir()
        for number in range(count):
            (tmp_path / name / f"{number}.png").write_bytes(picture(100 * len(name) + number, (16, 16)))


def run(line):
    result = CliRunner().invoke(cli, line.split()[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("files")
def test_the_commands_lead_from_a_downloaded_lora_to_its_recall():
    commands = re.findall(r"^    (attribase .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)[:5]
    assert [line.split()[4] for line in commands] == ["images", "models", "sample", "embed", "eval"]
    said = [run(line) for line in commands]
    assert "cat.safetensors: 1 model read: 1 new, 0 already known; 3 exemplars" in said[1]
    assert "cat.jsonl: 1 models, 16 samples" in said[1]
    assert "recall_10" in said[4]
    assert "external" in said[4]
    con = connect("my.store")
    rows = con.sql(
        "select case_name, sum(samples), min(recall_10) >= 0, max(recall_10) <= 1 from metrics group by 1"
    )
    assert rows.fetchall() == [("external", 16, True, True)]
    assert con.sql("select config->>'word' from models").fetchall() == [("sks",)]
    con.close()
    store = Store.open("my.store")
    assert store.count("ranks") == 16 * 3
    assert list(check(store)) == []
    drawn = store.read("samples", ["sample_id", "prompt"]).to_pylist()
    assert {row["prompt"] for row in drawn} >= {"A poster of V* cat"}
    assert attribute(store, drawn[0]["sample_id"], k=3).results
    before = store.versions()
    assert "1 model read: 0 new, 1 already known" in run(commands[1])
    assert [store.versions()[name] for name in ("models", "images")] == [
        before[name] for name in ("models", "images")
    ]
