"""What a worker takes of a cluster, and how many fit."""

import pytest
from attribase.runtime.cluster import Demand, check_placement
from attribase.store import InvalidInputError

from .in_process import cluster_of

CORES = {"CPU": 16.0}
CARD = {"CPU": 16.0, "GPU": 2.0}


@pytest.mark.parametrize(
    ("nodes", "asked", "demand", "capacity"),
    [
        ([CORES], {}, Demand(1, 0), 16),
        ([CORES], {"lanes": True}, Demand(8, 0), 2),
        ([CORES, {"CPU": 4.0}], {"lanes": True}, Demand(4, 0), 5),
        ([CORES, {"CPU": 0.0}], {"lanes": True}, Demand(8, 0), 2),
        ([CARD, CORES], {"lanes": True}, Demand(8, 1), 2),
        ([CARD, CORES], {"sharing": 4}, Demand(2, 0.25), 8),
        ([CARD, CORES], {"lanes": True, "gpus": False}, Demand(8, 0), 4),
        ([{"CPU": 1.0, "GPU": 4.0}], {}, Demand(1, 1), 1),
        ([], {"lanes": True}, Demand(1, 0), 1),
    ],
)
def test_workers_share_out_cores_and_cards_of_the_nodes_that_are_there(nodes, asked, demand, capacity):
    cluster = cluster_of(*nodes)
    assert cluster.demand(**asked) == demand
    assert cluster.capacity(demand) == capacity


@pytest.mark.parametrize(("device", "address"), [(None, "auto"), ((), "auto"), ([0], None), ("cpu", None)])
def test_a_device_or_a_cluster_is_named(device, address):
    check_placement(device, address)


@pytest.mark.parametrize("device", [[0], "cpu", "cuda"])
def test_a_device_beside_a_cluster_is_refused(device):
    with pytest.raises(InvalidInputError, match="and a cluster were named"):
        check_placement(device, "auto")
