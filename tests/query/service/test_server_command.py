"""The command `attribase query serve`: where it may listen, its token file, what it refuses."""

import signal
import subprocess
import sys

import httpx
import pytest
from attribase.cli import cli
from attribase.query.service.server import is_loopback
from click.testing import CliRunner

from .conftest import TOKEN


@pytest.mark.slow
def test_the_command_serves_with_a_token_and_without_sql(world, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    arguments = ["--port", "0", "--token-file", str(tmp_path / "token"), "--no-sql", "--refresh", "1"]
    command = ["from attribase.cli import main; main()", "-s", world.uri, "query", "serve", *arguments]
    process = subprocess.Popen([sys.executable, "-c", *command], stderr=subprocess.PIPE, text=True)
    try:
        url = process.stderr.readline().split()[-1]
        key = {"authorization": f"Bearer {TOKEN}"}
        assert httpx.get(f"{url}/v1/info", timeout=60).status_code == 401
        assert httpx.get(f"{url}/v1/info", headers=key).json()["sql"] is False
        assert httpx.post(f"{url}/v1/sql", headers=key, json={"sql": "select 1"}).status_code == 403
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "attribase.example"])
def test_off_loopback_nothing_starts_without_a_token(world, host):
    result = CliRunner().invoke(cli, ["-s", world.uri, "query", "serve", "--host", host, "--port", "0"])
    assert result.exit_code == 1
    assert "there is no token" in result.output
    assert "--token-file" in result.output


@pytest.mark.parametrize("text", ["", "\n", "short", "has a blank in it", "nön-ascii-letters"])
def test_a_file_without_a_usable_token_is_refused(world, tmp_path, text):
    file = tmp_path / "token"
    file.write_text(text, encoding="utf-8")
    arguments = [
        "-s",
        world.uri,
        "query",
        "serve",
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        "--token-file",
        str(file),
    ]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1
    assert "no usable token" in result.output


def test_a_missing_store_and_a_port_in_use_are_errors(world, tmp_path, live):
    asked = ["query", "serve", "--port"]
    nowhere = CliRunner().invoke(cli, ["-s", str(tmp_path / "no.store"), *asked, "0"])
    taken = CliRunner().invoke(cli, ["-s", world.uri, *asked, str(live.port)])
    assert (nowhere.exit_code, taken.exit_code) == (1, 1)
    assert "in use" in taken.output


def test_which_hosts_only_this_machine_reaches():
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.com", "")))
