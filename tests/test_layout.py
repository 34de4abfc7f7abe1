"""The layout: files stay short, and tests mirror the tree."""

import subprocess
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parent.parent
APART = ("acceptance", "docs", "faults")
"""Folders of tests over several parts of the package."""


def _tracked() -> list[Path]:
    """Every Python file that git tracks, relative to the root."""
    done = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(name) for name in done.stdout.split() if (ROOT / name).exists()]


def test_files_stay_short():
    long = [str(path) for path in _tracked() if len((ROOT / path).read_text().splitlines()) > 300]
    assert long == []


def test_pytest_looks_into_every_folder_of_tests(pytestconfig):
    """By default it skips folders of some names, `build` among them."""
    skipped = pytestconfig.getini("norecursedirs")
    left_out = [
        str(path)
        for path in _tracked()
        if path.parts[0] == "tests"
        and any(fnmatch(part, name) for part in path.parts[:-1] for name in skipped)
    ]
    assert left_out == []


def _names(folder: Path) -> set[str]:
    """What a test file in the folder's mirror may be named after: its modules, its packages and itself."""
    inside = {path.stem for path in folder.glob("*.py")} | {
        path.name for path in folder.iterdir() if path.is_dir()
    }
    return inside - {"__init__"} | {folder.name}


def test_tests_mirror_the_tree():
    """`tests/a/b/test_x.py` tests `a/b/x.py`; `test_x_aspect.py` and `test_b_aspect.py` test an aspect."""
    misplaced = []
    for path in _tracked():
        folder = Path(*path.parts[1:-1])
        if path.parts[0] != "tests" or not path.name.startswith("test_") or not folder.parts:
            continue
        if folder.parts[0] in APART:
            continue
        subject = path.stem.removeprefix("test_")
        known = _names(ROOT / folder) if (ROOT / folder).is_dir() else set()
        if not any(subject == name or subject.startswith(f"{name}_") for name in known):
            misplaced.append(str(path))
    assert misplaced == []
