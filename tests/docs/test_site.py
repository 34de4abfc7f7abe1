"""The documentation site builds strictly, loads nothing from elsewhere, and documents every public name."""

import importlib
import re
import shutil
import subprocess
import sys
import tomllib
import zlib
from pathlib import Path

import pytest

from ..test_exported_members import PACKAGES

ROOT = Path(__file__).parents[2]


def link_package(folder):
    """Links to the parts of the package alone: what reads docstrings walks through all in a folder."""
    folder.mkdir(parents=True)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    parts = {name.split(".")[1] for name in packages if "." in name}
    for path in (*ROOT.glob("*.py"), *ROOT.glob("*.pyi"), *(ROOT / part for part in parts)):
        (folder / path.name).symlink_to(path)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site, of a copy of the sources with the package beside them under its name."""
    project = tmp_path_factory.mktemp("project")
    for name in ("docs", "ingest/world/NOTICE.md"):
        source = ROOT / name
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, project / name) if source.is_dir() else shutil.copy(source, project / name)
    link_package(project / "src" / "attribase")
    config = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    assert '[".venv/documented"]' in config
    config = config.replace('[".venv/documented"]', '["src"]')
    (project / "zensical.toml").write_text(config, encoding="utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("zensical")), "build", "--strict"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "griffe" not in done.stdout + done.stderr  # a docstring that could not be read
    return project / "site"


def documented(site):
    """The names that the site has an entry for: Sphinx's inventory, four header lines and then zlib."""
    data = (site / "objects.inv").read_bytes()
    lines = zlib.decompress(data.split(b"\n", 4)[4]).decode().splitlines()
    return {line.split(" ", 1)[0] for line in lines}


def test_every_public_name_is_documented(site):
    names = documented(site)
    missing = []
    for package in PACKAGES:
        for member in importlib.import_module(package).__all__:
            value = getattr(importlib.import_module(package), member)
            canonical = f"{getattr(value, '__module__', package)}.{getattr(value, '__qualname__', member)}"
            if member != "__version__" and not names & {f"{package}.{member}", canonical}:
                missing.append((f"{package}.{member}", type(value).__name__))
    assert missing == []


def test_every_page_of_the_docs_is_in_the_navigation():
    config = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert set(re.findall(r'"([\w/-]+\.md)"', config)) == pages


def test_the_site_loads_nothing_from_other_hosts(site):
    for page in site.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]*\ssrc="?https?:', html), page
        assert not re.findall(r'<link[^>]*rel="?stylesheet"?[^>]*href="?https?:', html), page


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "benchmarks/README.md", "ingest/world/README.md"]
)
def test_links_outside_of_the_site_lead_to_files(name):
    page = ROOT / name
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link
