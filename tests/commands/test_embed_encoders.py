import json

import pytest
from attribase.cli import cli
from attribase.commands.embed import encoders
from attribase.store import Store
from click.testing import CliRunner


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setitem(cli.commands, "encoders", encoders)
    return lambda *args: CliRunner().invoke(cli, [str(arg) for arg in args], env={"ATTRIBASE_STORE": ""})


def test_the_encoders_are_listed_without_a_store(run):
    result = run("encoders", "--format", "json")
    assert result.exit_code == 0
    rows = {row["encoder"]: row for row in json.loads(result.stdout)}
    assert rows["mocov3-vit-b16"]["dim"] == 768
    assert rows["efficientnet-lite0"]["weights"] == "here"
    assert rows["sd-unet"]["captions"] is True
    assert rows["aladin"]["weights"] == "yours to bring"
    assert all(row["ready"] == [] for row in rows.values())


def test_variants_of_one_encoder_are_one_line(run, tmp_path):
    store = Store.create(tmp_path / "store")
    row = {"encoder": "vit-b16", "dim": 768, "onnx_file": "f", "precision": "fp32"}
    store.upsert(
        "encoders", [row, row | {"encoder": "vit-b16@int8", "precision": "int8", "variant_of": "vit-b16"}]
    )
    store.upsert("encoders", [{"encoder": "timm:mine", "dim": 3, "onnx_file": "f"}])
    result = run("-s", store.uri, "encoders", "--format", "json")
    rows = {row["encoder"]: row for row in json.loads(result.stdout)}
    assert rows["vit-b16"]["ready"] == ["fp32", "int8"]
    assert rows["timm:mine"]["ready"] == ["fp32"]
    assert "vit-b16@int8" not in rows
    table = run("-s", store.uri, "encoders")
    assert "fp32, int8" in table.stdout
    assert "onnx:FILE" in table.stderr
