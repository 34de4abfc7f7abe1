"""A space with a perfect index: it finds the best rows, and no others."""

import numpy as np
from attribase.query import Session, Snapshot
from attribase.query.search import Neighbours
from attribase.query.search.above_line import RowsAbove


class TopSpace:
    """A real space with another search: the `searches`, (questions, depth) of each, and the `lines`."""

    def __init__(self, space):
        self._space, self.searches, self.lines = space, [], []

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

    def search_above(self, vectors, lines, pool, depths, limit):
        self.lines.append(list(lines))
        assert len(vectors) == len(lines) == len(depths)
        assert all(depth > 0 for depth in depths)
        found = self._space.search(vectors, pool.size, pool, method="exact")
        above = []
        for rows, similarities, line in zip(found.rows, found.similarities, lines, strict=True):
            count = min(limit, pool.size, int(np.count_nonzero(similarities > line)) + 1)
            floor = max(line, float(similarities[count - 1]))
            above.append(RowsAbove(rows[:count], similarities[:count], floor))
        return above


def indexed(store, monkeypatch):
    """A snapshot of `store` that searches by a perfect index, and its space."""
    snapshot = Session(store).snapshot()
    space = TopSpace(snapshot.space())
    monkeypatch.setattr(Snapshot, "space", lambda *_: space)
    return snapshot, space
