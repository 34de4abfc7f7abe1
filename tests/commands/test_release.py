"""`attribase ingest release`."""

import gzip

import click
import pytest
from attribase.cli import ErrorsAsExits
from attribase.commands.release import release
from attribase.store import Store
from click.testing import CliRunner

from ..ingest.release.official import copy_parts


@pytest.fixture
def run(tmp_path):
    @click.group(cls=ErrorsAsExits)
    @click.pass_context
    def cli(ctx: click.Context) -> None:
        ctx.obj = str(tmp_path / "store")

    cli.add_command(release)
    return lambda *arguments: CliRunner().invoke(cli, ["release", *map(str, arguments)])


def test_it_creates_the_store_and_says_what_was_not_there(run, official, tmp_path):
    folder = copy_parts(official, tmp_path / "part", "dataset/json", "weights")
    done = run(folder)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "no features" in done.stderr
    assert "my_vit_mlp.pth" in done.stderr
    assert "imported" in done.stderr
    assert Store.open(tmp_path / "store").count("models") == 7
    again = run(folder)
    assert again.exit_code == 0
    assert "nothing new" in again.stderr


def test_an_error_is_a_line_of_what_and_one_of_what_next_and_no_store(run, copy, tmp_path):
    (copy.folder / "dataset/json/test_artchive.json").write_text("{}")
    failed = run(copy.folder)
    assert failed.exit_code == 1
    assert "test_artchive.json" in failed.stderr
    assert "next:" in failed.stderr
    assert not (tmp_path / "store").exists()


def test_an_index_may_be_compressed(run, copy, tmp_path):
    for case in copy.entries:
        file = copy.folder / f"dataset/json/test_{case}.json"
        file.with_suffix(".json.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert run(copy.folder).exit_code == 0
    assert Store.open(tmp_path / "store").count("models") == 7
