"""A space with a perfect index: it finds the best rows, and no others."""

from types import SimpleNamespace

import numpy as np
from attribase.query import Session, Snapshot
from attribase.query.search.above_line import RowsAbove


class TopSpace:
    """A real space with another search: the `searches`, a depth of each question, and the `lines`."""

    def __init__(self, space):
        self._space, self.searches, self.lines = space, [], []
        self.index = SimpleNamespace(recall=lambda _depth: 0.995)

    def __getattr__(self, name):
        return getattr(self._space, name)

    def uses_index(self, _pool, _k, method):
        return method != "exact"

    def descend(self, vectors, pool):
        return [TopDescent(self, vector[None], pool) for vector in vectors]


class TopDescent:
    """The search for one question, which compares with all images and gives the best."""

    def __init__(self, space, vector, pool):
        self._space, self._vector, self._pool = space, vector, pool

    def _best(self, count):
        found = self._space.search(self._vector, count, self._pool, method="exact")
        kept = found.rows[0] >= 0
        return found.rows[0][kept], found.similarities[0][kept]

    def nearest(self, depth):
        self._space.searches.append(depth)
        return self._best(depth)

    def above(self, line, depth, limit):
        self._space.lines.append(line)
        assert depth > 0
        rows, similarities = self._best(self._pool.size)
        count = min(limit, self._pool.size, int(np.count_nonzero(similarities > line)) + 1)
        return RowsAbove(rows[:count], similarities[:count], max(line, float(similarities[count - 1])))


def indexed(store, monkeypatch):
    """A snapshot of `store` that searches by a perfect index, and its space."""
    snapshot = Session(store).snapshot()
    space = TopSpace(snapshot.space())
    monkeypatch.setattr(Snapshot, "space", lambda *_: space)
    return snapshot, space
