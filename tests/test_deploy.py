"""The files in deploy/: linted, and every setting, option and extra in them is one that there is."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from attribase.commands.serve import serve
from attribase.query.service.settings import PREFIX, ServiceSettings, read_settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
INSTRUCTIONS = [
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "RUN",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
]
OPTIONS = {option for parameter in serve.params for option in (*parameter.opts, *parameter.secondary_opts)}


def instructions():
    """(name, text) of every instruction of the Dockerfile, in order."""
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line and not line.startswith("#")]


def is_setting(variable):
    return (
        variable == "ATTRIBASE_STORE" or variable.removeprefix(PREFIX).lower() in ServiceSettings.model_fields
    )


def test_the_dockerfile_has_known_instructions_and_a_pinned_base():
    assert {name for name, _ in instructions()} <= set(INSTRUCTIONS)
    bases = [text for name, text in instructions() if name == "FROM"]
    assert all(re.fullmatch(r"python:3\.\d+-slim( AS \w+)?", base) for base in bases)
    minor = {int(re.search(r"3\.(\d+)", base)[1]) for base in bases}
    assert len(minor) == 1
    assert minor.pop() >= int(PROJECT["requires-python"].rpartition(".")[2])


def test_the_image_runs_as_another_user_than_root_and_gets_signals_itself():
    last = dict(instructions())
    names = [name for name, _ in instructions()]
    assert last["USER"] not in ("root", "0")
    assert names.index("USER") < names.index("ENTRYPOINT") < names.index("CMD")
    assert last["ENTRYPOINT"] == '["attribase"]'
    assert last["CMD"].startswith("[")
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert "/healthz" in last["HEALTHCHECK"]


def test_the_image_sets_settings_and_installs_extras_that_there_are():
    environment = dict(re.findall(r"(ATTRIBASE_\w+)=(\S+)", dict(instructions())["ENV"]))
    assert environment
    assert all(map(is_setting, environment))
    used = re.findall(r"EXTRAS=\[([\w,]+)\]", (DEPLOY / "Dockerfile").read_text())
    assert used
    assert {extra for one in used for extra in one.split(",")} <= set(PROJECT["optional-dependencies"])
    assert "ARG EXTRAS=\n" in (DEPLOY / "Dockerfile").read_text()


def test_the_build_leaves_nothing_out_that_the_package_has():
    left_out = (ROOT / ".dockerignore").read_text().split()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = project["tool"]["setuptools"]["packages"]
    folders = {name.split(".")[1] for name in listed if "." in name}
    assert not folders & {line.strip("*/") for line in left_out}
    assert {".git", "tests"} <= set(left_out)


def test_compose_names_files_settings_and_secrets_that_there_are():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    service = compose["services"]["attribase"]
    assert (
        DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]
    ).resolve() == DEPLOY / "Dockerfile"
    assert all(map(is_setting, service["environment"]))
    assert set(service["secrets"]) == set(compose["secrets"])
    assert service["environment"][PREFIX + "TOKEN_FILE"] == f"/run/secrets/{service['secrets'][0]}"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    options = [word for word in service["command"] if word.startswith("-")]
    assert set(options) <= OPTIONS


def test_the_unit_starts_the_command_with_its_options():
    unit = (DEPLOY / "attribase.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    assert command.split()[1:3] == ["query", "serve"]
    assert {word for word in command.split() if word.startswith("--")} <= OPTIONS
    assert all(map(is_setting, re.findall(r"^Environment=(\w+)=", unit, re.MULTILINE)))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_accepts_the_unit(tmp_path):
    unit = (DEPLOY / "attribase.service").read_text().replace("/opt/attribase/bin/attribase", sys.executable)
    (tmp_path / "attribase.service").write_text(unit)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "attribase.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "attribase.service" not in done.stderr, done.stderr


def test_the_example_of_settings_is_read():
    settings = read_settings({}, DEPLOY / "service.toml")
    assert settings.workers == 2
    assert read_settings({}).log_format != settings.log_format
