"""`attribase upgrade` on a store of format 1."""

import json
import tarfile
from pathlib import Path

import pytest
from attribase.cli import cli
from attribase.store.marker import FORMAT
from click.testing import CliRunner

DATA = Path(__file__).parents[1] / "store" / "data" / "format-1.tar.gz"


@pytest.fixture
def earlier(tmp_path):
    with tarfile.open(DATA) as archive:
        archive.extractall(tmp_path)
    return tmp_path / "store"


def run(store, *arguments):
    return CliRunner().invoke(cli, ["-s", str(store), *arguments])


def test_other_commands_name_it_the_dry_run_shows_and_changes_nothing_then_it_is_done(earlier):
    refused = run(earlier, "info")
    assert refused.exit_code == 1
    assert "upgrade --dry-run" in refused.stderr
    before = {path: path.read_bytes() for path in earlier.rglob("*") if path.is_file()}
    planned = run(earlier, "upgrade", "--dry-run", "--format", "json")
    assert planned.exit_code == 0
    changes = {row["table"]: (row["change"], row["rows"]) for row in json.loads(planned.stdout)}
    assert changes["failures"] == ("write anew", 1)
    assert changes["tombstones"] == ("add table", 0)
    assert changes["calibrations"] == ("add columns", 2)
    assert {path: path.read_bytes() for path in earlier.rglob("*") if path.is_file()} == before
    unasked = run(earlier, "upgrade")
    assert (unasked.exit_code, "add --yes" in unasked.stderr) == (1, True)
    done = run(earlier, "upgrade", "--yes")
    assert done.exit_code == 0, done.stderr
    assert f"upgraded to store format {FORMAT}" in done.stderr
    assert run(earlier, "info").exit_code == 0
    assert "nothing to upgrade" in run(earlier, "upgrade", "--yes").stderr
