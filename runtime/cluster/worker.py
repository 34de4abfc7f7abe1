"""What runs in a worker of the cluster: the setup once, then one task after another."""

from __future__ import annotations

import platform
from functools import partial
from typing import Any

from ...store.errors import AttribaseError, ConflictError, InvalidInputError, NotFoundError
from ...store.layout import software_version
from ...store.store import Store
from ..memory import always_reuse_freed_memory
from ..tasks import Handler, Setup, call_named


class ClusterWorker:
    """A worker. It sees the store, whose address it gets, and writes rows of its tasks there itself."""

    def __init__(self, job: tuple[Setup, Any], device: str, store_uri: str, software: str) -> None:
        """`job`: the setup and its first argument; `software`: the version of attribase that asks."""
        (self._setup, self._shared), self._device = job, device
        self._store_uri, self._software = store_uri, software
        self._handler: Handler | None = None

    def start(self) -> tuple[AttribaseError | None, str]:
        """(what is in the way, or None; the id of the node). Loads no model yet."""
        import ray

        always_reuse_freed_memory()
        node = str(ray.get_runtime_context().get_node_id())
        try:
            self._check()
        except AttribaseError as error:
            return error, node
        return None, node

    def run(self, name: str, payload: Any) -> tuple[AttribaseError | None, Any]:
        """(error, result) of one task."""
        try:
            if self._handler is None:
                self._handler = call_named(partial(self._setup, self._shared), name, self._device)
            return None, call_named(self._handler, name, payload)
        except AttribaseError as error:
            return error, None

    def _check(self) -> None:
        here = f"the node {platform.node()}"
        if software_version() != self._software:
            raise ConflictError(
                f"{here} has attribase {software_version()}, this command is {self._software}",
                hint="install the same version on all nodes",
            )
        try:
            Store.open(self._store_uri)
        except NotFoundError as error:
            raise InvalidInputError(
                f"{here} finds no store at {self._store_uri}",
                hint="put the store on a file system that all nodes share, or into a bucket",
            ) from error
