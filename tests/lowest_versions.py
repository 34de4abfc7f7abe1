"""Run tests with the lowest versions of dependencies that pyproject.toml allows (`make lowest`).

A virtual environment gets the lowest allowed version of each distribution in `LIGHT`, and what those need;
everything else (torch, DuckDB, Lance, ONNX Runtime, ...) comes from the environment that runs this.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent

LIGHT = (
    "click", "diffusers", "fastapi", "huggingface-hub", "jinja2", "open_clip_torch", "pillow", "polars",
    "prometheus-client", "python-multipart", "rich", "safetensors", "threadpoolctl", "timm", "tokenizers",
    "transformers", "uvicorn",
)  # fmt: skip

TESTS = (
    "tests/runtime",
    "tests/ingest/encoders",
    "tests/ingest/embed",
    "tests/ingest/customize",
    "tests/ingest/sample",
    "tests/commands",
    "tests/query/service",
    "tests/test_layers.py",
)

IMPORT_ALL = """
import importlib, pathlib, sys
root = pathlib.Path(sys.argv[1])
for file in sorted(root.rglob("*.py")):
    parts = file.relative_to(root).with_suffix("").parts
    if parts[0] in ("tests", "benchmarks", "build", ".venv") or "__main__" in parts:
        continue
    name = ".".join(("attribase", *(part for part in parts if part != "__init__")))
    importlib.import_module(name)
"""


def lowest(project: Path) -> list[str]:
    """`name==version` for the lower bound of each of `LIGHT` in the pyproject.toml `project`."""
    declared = tomllib.loads(project.read_text())["project"]["dependencies"]
    bounds = {}
    for requirement in map(Requirement, declared):
        lower = [one.version for one in requirement.specifier if one.operator == ">="]
        bounds[canonicalize_name(requirement.name)] = lower
    return [f"{name}=={bounds[canonicalize_name(name)][0]}" for name in LIGHT]


def make_environment(folder: Path, pins: list[str]) -> Path:
    """A virtual environment in `folder` with `pins` before this one's packages; returns its Python."""
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    inner = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (inner / "outer.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *pins], check=True)
    source = folder / "src" / "attribase"
    source.parent.mkdir(exist_ok=True)
    source.unlink(missing_ok=True)
    source.symlink_to(ROOT, target_is_directory=True)
    return python


def main() -> int:
    """Make the environment, import every module, run the tests; the exit code is pytest's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv" / "lowest")
    parser.add_argument("--with", dest="other", action="append", default=[], metavar="NAME==VERSION")
    parser.add_argument("tests", nargs="*", default=TESTS)
    options = parser.parse_args()
    replaced = {canonicalize_name(Requirement(pin).name) for pin in options.other}
    pins = [
        pin
        for pin in lowest(ROOT / "pyproject.toml")
        if canonicalize_name(Requirement(pin).name) not in replaced
    ] + options.other
    print(" ".join(pins), f"torch=={importlib.metadata.version('torch')}", sep="\n", flush=True)
    python = make_environment(options.folder.resolve(), pins)
    environment = os.environ | {"PYTHONPATH": str(options.folder.resolve() / "src")}
    subprocess.run([python, "-c", IMPORT_ALL, ROOT], check=True, env=environment)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options.tests]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
