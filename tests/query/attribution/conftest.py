"""Both ways that the vectors of a space are read."""

import pytest
from attribase.query.search import space


@pytest.fixture(params=["in memory", "streamed"])
def vectors(request, monkeypatch):
    """With the vectors of the space in memory, or streamed from the table."""
    if request.param == "streamed":
        monkeypatch.setattr(space, "MAX_SPACE_BYTES", 0)
