"""The layers hold: who may import whom, and what a light import must not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "store": {"store"},
    "runtime": {"store", "runtime"},
    "ingest": {"store", "runtime", "ingest"},
    "train": {"store", "runtime", "ingest", "train"},
    "query": {"store", "runtime", "query"},
}


def _imports(path: Path) -> set[tuple[str, ...]]:
    """Absolute dotted names of everything a file imports; relative ones resolved under `attribase`."""
    here = ("attribase", *path.relative_to(ROOT).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            module = tuple(node.module.split(".")) if node.module else ()
            found |= {(*base, *module, alias.name) for alias in node.names}
    return found


@pytest.mark.parametrize("layer", ALLOWED)
def test_layer_imports_only_the_layers_below(layer):
    for path in (ROOT / layer).rglob("*.py"):
        ours = {name[1] for name in _imports(path) if name[0] == "attribase" and len(name) > 1}
        assert ours & {*ALLOWED, "demo", "commands", "cli"} <= ALLOWED[layer], path


def test_only_store_imports_lance():
    for layer in (*ALLOWED, "commands", "demo"):
        for path in (ROOT / layer).rglob("*.py"):
            touches = any(name[0] in ("lance", "lancedb") for name in _imports(path))
            assert layer == "store" or not touches, path


@pytest.mark.parametrize("module", ["attribase", "attribase.query", "attribase.runtime", "attribase.cli"])
def test_light_imports_load_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_package_is_in_the_wheel():
    import tomllib

    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    skipped = {"tests", "benchmarks", "docs"}
    found = {
        ".".join(("attribase", *path.parent.relative_to(ROOT).parts))
        for path in ROOT.rglob("__init__.py")
        if path.relative_to(ROOT).parts[0] not in {*skipped, "build", "dist"}
        and not any(p.startswith(".") for p in path.relative_to(ROOT).parts)
    }
    assert listed == found


def test_files_stay_short():
    tracked = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    long = [name for name in tracked.stdout.split() if len((ROOT / name).read_text().splitlines()) > 300]
    assert long == []
