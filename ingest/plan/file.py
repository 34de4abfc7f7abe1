"""The file of a plan: written whole, and one that was edited since is recognised."""

import json
from collections.abc import Sequence
from pathlib import Path

from ...store import ConflictError, InvalidInputError, Store, content_id
from ...store.lookup import quote
from ..specs import ModelSpec, specs_bytes, write_specs

STAGE = "plan"
"""The kind of job that notes what was planned."""


def write_plan(store: Store, path: Path, specs: Sequence[ModelSpec], *, overwrite: bool = False) -> None:
    """Write a plan, and note its hash in the store, so that a plan that was edited since is recognised.

    Raises:
        ConflictError: another file is there that is no plan as this store wrote it; `overwrite` replaces it.
        InvalidInputError: the file cannot be read or written.
    """
    data = specs_bytes(specs)
    try:
        there = content_id(path.read_bytes()) if path.is_file() and not overwrite else None
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read: {error.strerror}", hint="name another file"
        ) from error
    digest = content_id(data)
    if there not in (None, digest) and there not in _written_plans(store):
        raise ConflictError(
            f"{path} was edited since it was planned, or is no plan of this store",
            hint="name another file, or replace it with --overwrite",
        )
    job = store.jobs.plan(STAGE, {"sha256": digest}, [str(path.resolve())], 1)
    for shard in job.pending():
        job.finish(shard)
    write_specs(path, specs)


def _written_plans(store: Store) -> set[str]:
    """The hashes of the plans that were written."""
    specs = store.read("jobs", ["spec"], f"kind = {quote(STAGE)}")["spec"].to_pylist()
    return {json.loads(spec)["sha256"] for spec in specs}
