"""A space with a perfect index: it finds the best rows, and no others."""

import numpy as np
from attribase.query import Session, Snapshot
from attribase.query.search import Neighbours


class TopSpace:
    """A real space with another search; `searches`: (questions, depth) of each."""

    def __init__(self, space):
        self._space, self.searches = space, []

    def __getattr__(self, name):
        return getattr(self._space, name)

    def uses_index(self, _pool, _k, method):
        return method != "exact"

    def search(self, vectors, k, pool, *, method="auto"):
        assert method == "index"
        self.searches.append((len(vectors), k))
        found = self._space.search(vectors, k, pool, method="exact")
        searched = np.full(len(vectors), k, np.int64)
        return Neighbours(found.rows, found.similarities, "index", 0.995, searched)


def indexed(store, monkeypatch):
    """A snapshot of `store` that searches by a perfect index, and its space."""
    snapshot = Session(store).snapshot()
    space = TopSpace(snapshot.space())
    monkeypatch.setattr(Snapshot, "space", lambda *_: space)
    return snapshot, space
