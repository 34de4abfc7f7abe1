"""A program that uses the package is checked by mypy --strict as a project of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api" / "index.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.slow


def check(folder, code):
    """What mypy says of `code`, which sees the package as an installed one."""
    (folder / "packages").mkdir(exist_ok=True)
    if not (folder / "packages" / "attribase").exists():
        (folder / "packages" / "attribase").symlink_to(ROOT)
    (folder / "program.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "program.py"],
        cwd=folder,
        env={"MYPYPATH": "packages", "PATH": "", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_typed_example_passes_and_a_mistake_in_it_does_not(tmp_path):
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def " in code]
    mistake = example + "\nreveal_type(attribase.attribute(1, 2, k='x'))\n"
    found = check(tmp_path, mistake)
    errors = re.findall(r"error: .*", found)
    assert len(errors) == 3, found
    assert all("arg" in line for line in errors)
    assert re.search(r'Revealed type is "attribase.query.attribution.answer.Answer"', found)
    assert "Success" in check(tmp_path, example)
