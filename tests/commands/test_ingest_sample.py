"""`ingest sample` and models of one plan that were customized with several settings."""

import json

import pytest
from attribase.cli import cli
from attribase.ingest.customize import CustomizeConfig
from attribase.ingest.customize.base import BaseGenerator
from attribase.ingest.customize.models import model_row
from attribase.ingest.specs import ModelSpec, write_specs
from attribase.store import Store
from click.testing import CliRunner

SPEC = ModelSpec("object", "tom", "cat", "object_seen", "train", ("x",), ("V* cat",), ())


@pytest.fixture
def base(tmp_path):
    """A folder that looks like a base; nothing of it is loaded."""
    for part in ("scheduler", "text_encoder", "tokenizer", "unet", "vae"):
        (tmp_path / "base" / part).mkdir(parents=True)
    (tmp_path / "base" / "model_index.json").write_text("{}")
    blocks = {"down_block_types": ["CrossAttnDownBlock2D"], "sample_size": 8}
    (tmp_path / "base" / "unet" / "config.json").write_text(json.dumps(blocks))
    (tmp_path / "base" / "vae" / "config.json").write_text('{"block_out_channels": [4, 4]}')
    return str(tmp_path / "base")


@pytest.fixture
def sample(tmp_path, base):
    """Runs the command on a store with models of 125 and of 250 iterations."""
    store, found = Store.create(tmp_path / "store"), BaseGenerator.find(base)
    for iterations in (125, 250):
        config = CustomizeConfig(base, iterations=iterations)
        store.upsert("models", [model_row(f"m{iterations}", SPEC, config=config, base=found, weights=b"w")])
    write_specs(tmp_path / "plan.jsonl", [SPEC])
    fixed = ["-s", str(tmp_path / "store"), "ingest", "sample", "--base", base]
    return lambda *options: CliRunner().invoke(
        cli, [*fixed, "--plan", str(tmp_path / "plan.jsonl"), *options]
    )


def test_without_a_choice_the_error_names_the_settings_and_the_option(sample):
    said = sample()
    assert said.exit_code == 1
    assert "with 2 different settings: iterations=125; iterations=250" in said.output
    assert "--model-config iterations=250" in said.output


@pytest.mark.parametrize("choice", [("--iterations", "250"), ("--model-config", "iterations=250")])
def test_a_choice_is_enough(sample, choice):
    said = sample(*choice)
    assert (said.exit_code, said.output) == (0, "nothing to do: every sample of the plan is there\n")


def test_a_choice_that_is_none_is_refused(sample):
    assert sample("--model-config", "iterations").exit_code == 2
    assert "no model of 'tom'" in sample("--iterations", "3").output
