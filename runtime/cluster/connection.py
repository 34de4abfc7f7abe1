"""The connection to a Ray cluster, what its nodes have, and what a worker takes of that."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ...store.errors import InvalidInputError, NotFoundError
from ...store.extras import missing_extra

AUTO = "auto"
"""The address of the cluster that this machine is a node of."""

MOST_CPUS = 8
"""Cores of a worker that runs several networks at once: more of them wait for one interpreter."""
KNOCK_SECONDS = 10.0


@dataclass(frozen=True)
class Demand:
    """What a worker takes of its node: cores, and GPUs (a fraction where several share one)."""

    cpus: float = 1
    gpus: float = 0

    @property
    def device(self) -> str:
        """Where its network runs, as torch names it. A worker sees only the GPUs that it was given."""
        return "cuda:0" if self.gpus else "cpu"

    def times_in(self, resources: dict[str, float]) -> int:
        """How many such workers fit on a node that has `resources`."""
        counts = [resources.get("CPU", 0) // self.cpus]
        if self.gpus:
            counts.append(resources.get("GPU", 0) / self.gpus)
        return int(min(counts))


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to."""

    address: str
    ray: Any

    def nodes(self) -> dict[str, dict[str, float]]:
        """What each node that is alive has in all, by the node's id."""
        return {node["NodeID"]: node["Resources"] for node in self.ray.nodes() if node["Alive"]}

    def demand(self, *, sharing: int = 1, lanes: bool = False, gpus: bool = True) -> Demand:
        """What a worker takes: a GPU where the cluster has any, else cores.

        Args:
            gpus: False for work that no GPU does.
            sharing: how many workers share a GPU.
            lanes: on cores, a worker runs a network on each of several, up to MOST_CPUS; else on one.
        """
        nodes = list(self.nodes().values())
        with_gpu = [node for node in nodes if gpus and node.get("GPU", 0)]
        if with_gpu:
            cores = min(node.get("CPU", 0) // (node["GPU"] * sharing) for node in with_gpu)
            return Demand(max(1.0, cores), 1 / sharing)
        cores = min((node["CPU"] for node in nodes if node.get("CPU", 0) >= 1), default=1)
        return Demand(float(min(cores, MOST_CPUS)) if lanes else 1.0)

    def capacity(self, demand: Demand) -> int:
        """How many workers fit on all nodes; 1 where none does, for a cluster that grows when it is asked."""
        return max(1, sum(demand.times_in(node) for node in self.nodes().values()))


def check_placement(device: Sequence[int] | str | None, address: str | None) -> None:
    """Raise InvalidInputError where devices of this machine are named beside a cluster."""
    if device and address is not None:
        raise InvalidInputError(
            "a device of this machine and a cluster were named",
            hint="leave one of them out: the workers of a cluster use the GPUs of their nodes",
        )


@contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """Connect to the cluster at `address`, HOST:PORT or `auto`. A connection that this process has is kept.

    Raises MissingExtraError without Ray, NotFoundError where no cluster answers, InvalidInputError for an
    address of Ray's client.
    """
    if address.startswith("ray://"):
        raise InvalidInputError(
            f"{address} is an address of Ray's client, which workers here are not driven by",
            hint="run the command on a node of the cluster, with --ray auto or --ray HOST:PORT",
        )
    try:
        import ray
    except ModuleNotFoundError as error:
        raise missing_extra(error) or error from error
    if ray.is_initialized():
        yield Cluster(address, ray)
        return
    _silence(ray)
    try:
        if address != AUTO:
            _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise NotFoundError(
            f"there is no Ray cluster at {address!r}: {str(error).splitlines()[0]}",
            hint="start one: `ray start --head` here, `ray start --address=HOST:6379` on the other machines",
        ) from error
    try:
        yield Cluster(address, ray)
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError or ValueError where nothing listens: Ray would try for ten minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError("an address is HOST:PORT, or auto")
    socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()


def _silence(ray: Any) -> None:
    """Keep the last lines of a lost node's log off stdout, where Ray prints them whatever it is asked."""
    worker = ray._private.worker
    if hasattr(worker, "_worker_logs_enabled"):
        worker._worker_logs_enabled = False
