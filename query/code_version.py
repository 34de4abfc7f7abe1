"""Which code computed a run: the version of the package and a digest of what decides the ranks."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RANKING = (
    "candidates.py",
    "cases.py",
    "counting.py",
    "evaluation.py",
    "features.py",
    "kernels.py",
    "ranking.py",
    "runs.py",
    "shards.py",
    "torch_counting.py",
)


@cache
def code_version() -> str:
    """For example `0.1.0+ranks.3f1c09ab77e2`: the digest is of the files in RANKING."""
    digest = hashlib.sha256()
    for name in RANKING:
        digest.update(name.encode() + b"\0" + (Path(__file__).parent / name).read_bytes() + b"\0")
    try:
        number = version("attribase")
    except PackageNotFoundError:  # a source tree that was never installed
        number = "0"
    return f"{number}+ranks.{digest.hexdigest()[:12]}"
