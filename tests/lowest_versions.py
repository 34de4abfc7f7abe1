"""Run tests with the lowest versions of dependencies that pyproject.toml allows (`make lowest`).

A virtual environment gets the lowest allowed version of each dependency that is not in `HEAVY`, and what
those need; everything else comes from the environment that runs this.
"""

from __future__ import annotations

import argparse
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

HEAVY = (
    "duckdb", "lancedb", "matplotlib", "numba", "numpy", "onnx", "onnxruntime", "onnxruntime-gpu",
    "onnxscript", "pyarrow", "pylance", "torch", "torchvision",
)  # fmt: skip
"""Not installed again: large, or compiled against others of these."""

TESTS = (
    "tests/runtime/test_decode.py",
    "tests/runtime/test_encoder.py",
    "tests/runtime/test_mapper.py",
    "tests/runtime/test_tokens.py",
    "tests/ingest/encoders",
    "tests/ingest/customize",
    "tests/ingest/sample",
    "tests/commands",
    "tests/query/service/routes",
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


def lowest(project: Path) -> dict[str, str]:
    """By name, `name==version` of the lower bound of each light dependency in `project`, a pyproject.toml."""
    listed = tomllib.loads(project.read_text())["project"]
    declared = listed["dependencies"] + listed.get("optional-dependencies", {}).get("full", [])
    pins = {}
    for requirement in map(Requirement, declared):
        name = canonicalize_name(requirement.name)
        if name not in HEAVY:
            (version,) = (one.version for one in requirement.specifier if one.operator == ">=")
            pins[name] = f"{name}=={version}"
    return pins


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
    parser.add_argument(
        "--with",
        dest="other",
        action="append",
        default=[],
        metavar="NAME==VERSION",
        help="instead of the lowest",
    )
    parser.add_argument("tests", nargs="*", default=TESTS)
    options = parser.parse_args()
    given = {canonicalize_name(Requirement(pin).name): pin for pin in options.other}
    pins = list((lowest(ROOT / "pyproject.toml") | given).values())
    print(" ".join(pins), flush=True)
    python = make_environment(options.folder.resolve(), pins)
    environment = os.environ | {"PYTHONPATH": str(options.folder.resolve() / "src")}
    subprocess.run([python, "-c", IMPORT_ALL, ROOT], check=True, env=environment)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options.tests]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
