"""A fresh store, and child processes that all start at the same moment."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attribase.store import Store

WRITER = Path(__file__).with_name("writer.py")

Children = list[subprocess.Popen[str]]
Start = Callable[..., Children]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(uri, (action, *arguments), ...)`: a child for each, let go once all have imported.

    A child is told its number as its last argument.
    """
    children: Children = []

    def run(uri: str, *jobs: tuple[object, ...]) -> Children:
        fresh = []
        for number, (action, *arguments) in enumerate(jobs):
            command = [sys.executable, WRITER, action, uri, *arguments, number]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            fresh.append(subprocess.Popen([*map(str, command)], text=True, **pipes))  # type: ignore[call-overload]
        children.extend(fresh)
        for child in fresh:
            assert child.stdout.readline() == "ready\n"
        for child in fresh:
            child.stdin.write("go\n")
            child.stdin.flush()
        return fresh

    yield run
    for child in children:
        child.kill()
        child.communicate()
