"""Tasks on the nodes of a Ray cluster: workers that load a model once, take shards and stage their rows."""

from .connection import Cluster, Demand, check_placement, connect
from .run import ClusterRun, Done

__all__ = ["Cluster", "ClusterRun", "Demand", "Done", "check_placement", "connect"]
