"""Imports: which layer may import which, no circles, and what a light import must not load."""

import ast
import subprocess
import sys
import tomllib
from functools import cache
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


SKIPPED = {"tests", "benchmarks", "docs", "build", "dist", "site"}


@cache
def _files() -> list[Path]:
    """Every Python file that git tracks: a virtual environment in the checkout has tens of thousands more."""
    done = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split() if (ROOT / name).exists()]


def _modules() -> dict[tuple[str, ...], Path]:
    """Every module of the package by its dotted name: ("attribase", "store", "ids")."""
    found = {}
    for path in _files():
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] not in SKIPPED and not parts[0].startswith("."):
            found["attribase", *(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _imports(path: Path) -> set[tuple[str, ...]]:
    """Absolute dotted names of everything a file imports, at any depth; relative ones under `attribase`."""
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
        assert ours & {*ALLOWED, "demo", "study", "costs", "packs", "commands", "cli"} <= ALLOWED[layer], path


@pytest.mark.parametrize("package", ["study", "costs", "packs"])
def test_only_commands_import_what_is_on_top(package):
    for path in _files():
        layer = path.relative_to(ROOT).parts[0]
        if layer in {*ALLOWED, "demo", "study", "costs", "packs"} - {package}:
            ours = {name[1] for name in _imports(path) if name[0] == "attribase" and len(name) > 1}
            assert package not in ours, path


def test_only_store_imports_lance():
    for layer in (*ALLOWED, "commands", "costs", "demo", "packs", "study"):
        for path in (ROOT / layer).rglob("*.py"):
            touches = any(name[0] in ("lance", "lancedb") for name in _imports(path))
            assert layer == "store" or not touches, path


@pytest.mark.parametrize("module", ["attribase", "attribase.query", "attribase.runtime", "attribase.cli"])
def test_light_imports_load_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, straight or through others: what Tarjan's algorithm finds."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = low[module] = len(number)
        stack.append(module)
        for other in imports[module]:
            if other not in number:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == number[module]:
            group = stack[stack.index(module) :]
            del stack[-len(group) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in imports:
        if module not in number:
            visit(module)
    return found


def import_graph() -> dict[str, set[str]]:
    """The modules that each module imports: also inside functions and under TYPE_CHECKING."""
    modules = _modules()
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        stub = path.with_suffix(".pyi")  # of a package that loads its names on demand
        names = _imports(path) | (_imports(stub) if stub.exists() else set())
        targets = {target if target in modules else target[:-1] for target in names}
        graph[".".join(name)] = {
            ".".join(target) for target in targets if target in modules and target != name
        }
    return graph


def test_circles_are_found():
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set(), "f": {"g"}, "g": {"f", "a"}}
    assert sorted(circles(graph)) == [["a", "b", "c"], ["f", "g"]]


def test_no_modules_import_each_other_in_a_circle():
    assert circles(import_graph()) == []


def test_every_package_is_in_the_wheel():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {".".join(name) for name, path in _modules().items() if path.name == "__init__.py"}
    assert listed == found
