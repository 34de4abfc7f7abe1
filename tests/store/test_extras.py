"""What the package imports is in pyproject.toml, and what serves and queries is in none of its extras."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from attribase.store.errors import MissingExtraError
from attribase.store.extras import EXTRAS, FULL, missing_extra

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PARTS = ("store", "runtime", "query", "commands", "train", "demo", "ingest", "study", "costs", "packs")


def names(requirements):
    return {re.match(r"[\w.-]+", one)[0].lower().replace("_", "-") for one in requirements}


CORE = names(PROJECT["dependencies"])
OF_EXTRAS = {extra: names(listed) for extra, listed in PROJECT["optional-dependencies"].items()}


def imported():
    """The first names of all modules that are imported anywhere in the package."""
    found = set()
    for part in PARTS:
        for file in Path(ROOT, part).rglob("*.py"):
            if "build" in file.parts:  # the scripts that build the embedded world
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                    found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


def test_every_imported_module_is_required_or_named_with_its_extra():
    distributions = packages_distributions()
    for module in sorted(imported()):
        found = {one.lower().replace("_", "-") for one in distributions.get(module, [])}
        if module in EXTRAS:
            known = OF_EXTRAS[EXTRAS[module]]
            assert not found or found & known, (module, found)
        else:
            transitive = {"starlette", "pydantic", "h11", "markupsafe"}
            # onnxruntime-gpu has the same modules, and `make` puts it in the place of onnxruntime.
            assert found & (CORE | transitive) or module == "onnxruntime", (module, found)


def test_full_has_no_module_that_the_core_requires():
    assert not {module for module in FULL if module.replace("_", "-") in CORE}


@pytest.mark.parametrize(
    ("module", "extra"), [("torch", "full"), ("reportlab", "pdf"), ("resvg_py", "world")]
)
def test_a_missing_module_names_its_extra(module, extra):
    error = missing_extra(ModuleNotFoundError("no", name=f"{module}.nn"))
    assert isinstance(error, MissingExtraError)
    assert error.hint == f'pip install "attribase[{extra}]"'


def test_a_module_of_ours_that_is_missing_is_a_fault():
    assert missing_extra(ModuleNotFoundError("no", name="attribase.querry")) is None
    assert missing_extra(ImportError("no")) is None


WITHOUT = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FULL!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
"""


def test_the_command_line_the_service_and_queries_import_without_the_extra_full(tmp_path):
    modules = ", ".join(
        f"attribase.{name}"
        for name in (
            "cli",
            "query.service.server",
            "query.service.answering",
            "query.attribution.attribute",
            "query.evaluation.evaluate",
            "runtime.encoder",
        )
    )
    code = f"{WITHOUT}\nimport {modules}\nfrom attribase.cli import cli\n" + (
        f"cli(['-s', {str(tmp_path / 'store')!r}, 'init'], standalone_mode=False)\n"
        f"cli(['-s', {str(tmp_path / 'store')!r}, 'train', 'mapper', '--encoder', 'x'])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "which is not installed" in ran.stderr
    assert 'next:  pip install "attribase[full]"' in ran.stderr
    assert "Traceback" not in ran.stderr
