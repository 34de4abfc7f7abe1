"""`attribase keygen`, `attribase query evidence` and `attribase verify`."""

import re

import pytest
from attribase.cli import cli
from click.testing import CliRunner

from ..packs.conftest import SAMPLE, key, key_file, pack, pack_once, pictured, pictured_once, signer  # noqa: F401


@pytest.fixture
def attribase(pictured):  # noqa: F811 - the fixture of that name
    """The command, on the store."""

    def run(*arguments, store=True):
        named = ["-s", pictured.store.uri] if store else []
        return CliRunner().invoke(cli, [*named, *map(str, arguments)])

    return run


def test_a_pack_is_made_signed_verified_and_refused_once_changed(attribase, tmp_path):
    made = attribase("keygen", tmp_path / "office.pem", store=False)
    (finger,) = re.findall(r"^[0-9a-f]{64}$", made.stdout, re.MULTILINE)
    folder = tmp_path / "a.pack"
    wrote = attribase("query", "evidence", SAMPLE, "-o", folder, "--key", tmp_path / "office.pem", "-k", 3)
    assert wrote.exit_code == 0, wrote.stderr
    assert f"signed by {finger}" in wrote.stderr
    for office in (finger, tmp_path / "office.pem.pub"):
        checked = attribase("verify", folder, "--signer", office)
        assert checked.exit_code == 0, checked.stdout
        checks = [line.partition(":")[0] for line in checked.stdout.splitlines()]
        assert checks == ["ok  signature", "ok  signer", "ok  files", "ok  C2PA", "ok  answer"]
    (folder / "page.html").write_text("another")
    refused = attribase("verify", folder, store=False)
    assert refused.exit_code == 1
    assert "FAILED  files: page.html" in refused.stdout
    assert "do not rely on it" in refused.stderr


def test_without_a_store_verify_says_that_the_answer_was_not_asked_again(attribase, pack):  # noqa: F811
    found = attribase("verify", pack, store=False)
    assert found.exit_code == 0
    assert "not asked again" in found.stderr
    assert "not compared with a key that you know" in found.stdout


def test_another_signer_is_refused(attribase, pack):  # noqa: F811
    found = attribase("verify", pack, "--signer", "0" * 64, store=False)
    assert (found.exit_code, "FAILED  signer" in found.stdout) == (1, True)


@pytest.mark.parametrize("who", ["nosuch.pub", "abc"])
def test_a_signer_that_is_neither_file_nor_fingerprint_is_an_error(attribase, pack, who):  # noqa: F811
    found = attribase("verify", pack, "--signer", who, store=False)
    assert (found.exit_code, "neither a file nor a fingerprint" in found.stderr) == (1, True)


def test_a_key_that_is_not_there_is_an_error_that_says_how_to_make_one(attribase, tmp_path):
    found = attribase("query", "evidence", SAMPLE, "-o", tmp_path / "a.pack", "--key", tmp_path / "no.pem")
    assert found.exit_code == 1
    assert "attribase keygen" in found.stderr
    assert not (tmp_path / "a.pack").exists()
