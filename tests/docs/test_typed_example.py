"""A program that uses the package is checked by mypy --strict as a project of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api" / "index.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.slow


def check(folder, **programs):
    """What mypy says of each program, which sees the package as an installed one."""
    (folder / "packages").mkdir()
    (folder / "packages" / "attribase").symlink_to(ROOT)
    files = {name: folder / f"{name}.py" for name in programs}
    for name, code in programs.items():
        files[name].write_text(code, encoding="utf-8")
    names = [file.name for file in files.values()]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", *names],
        cwd=folder,
        env={"MYPYPATH": "packages", "PATH": "", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert f"(checked {len(names)} source files)" in said, said
    return {name: re.findall(rf"^{name}\.py:.*", said, re.MULTILINE) for name in programs}


def test_the_typed_example_passes_and_a_mistake_in_it_does_not(tmp_path):
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def " in code]
    mistake = example + "\nreveal_type(attribase.attribute(1, 2, k='x'))\n"
    found = check(tmp_path, example=example, mistake=mistake)
    assert found["example"] == []
    said = "\n".join(found["mistake"])
    errors = re.findall(r"error: .*", said)
    assert len(errors) == 3, said
    assert all("arg" in line for line in errors)
    assert re.search(r'Revealed type is "attribase.query.attribution.answer.Answer"', said)
