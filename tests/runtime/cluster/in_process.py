"""A cluster whose workers are this process: what its nodes have is made up, what workers do is done."""

from types import SimpleNamespace

from attribase.runtime.cluster import Cluster


def cluster_of(*nodes):
    """A cluster of nodes with these resources; one that is gone comes last."""
    gone = {"NodeID": "gone", "Resources": {"CPU": 64.0, "GPU": 8.0}, "Alive": False}
    alive = [
        {"NodeID": str(number), "Resources": resources, "Alive": True}
        for number, resources in enumerate(nodes)
    ]
    return Cluster("here:1", SimpleNamespace(nodes=lambda: [*alive, gone]))


class InProcessRun:
    """In place of `ClusterRun`: each task in turn. `demands` are those of all runs so far."""

    demands = []  # noqa: RUF012 - of the class, as jobs make the runs themselves

    def __init__(self, _cluster, setup, shared, _store_uri, demand):
        self._handler, self._device = setup(shared, demand.device), demand.device
        self.demands.append(demand)

    def run(self, tasks, _count):
        for task in tasks:
            yield [(task, self._handler(task.payload))]

    def describe(self):
        return "1 worker on 1 node"
