"""Which code computed a run: the version of the package and a digest of the query sources."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@cache
def code_version() -> str:
    """For example `0.1.0+query.3f1c09ab77e2`: the digest is of the Python and SQL files here."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.py"), *folder.glob("sql/*.sql")]):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    try:
        number = version("attribase")
    except PackageNotFoundError:  # a source tree that was never installed
        number = "0"
    return f"{number}+query.{digest.hexdigest()[:12]}"
