"""Tasks on the nodes of a Ray cluster: workers that load a model once, take shards and stage their rows."""

from .connection import Cluster, Demand, connect
from .run import ClusterRun, Done

__all__ = ["Cluster", "ClusterRun", "Demand", "Done", "connect"]
