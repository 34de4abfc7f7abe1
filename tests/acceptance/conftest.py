"""A Ray cluster for the tests of one file."""

import pytest

from .cluster_nodes import two_nodes


@pytest.fixture(scope="module")
def nodes(s3_server):
    """Two nodes, whose workers know the object store of the tests."""
    pytest.importorskip("ray")
    with two_nodes(s3_server.environment) as found:
        yield found
