"""Rows above a line through the index, against comparing everything."""

import numpy as np
import pytest

from .test_index import ids_of


def above(space, queries, line, pool, depth, limit):
    return [one.above(line, depth, limit) for one in space.descend(queries, pool)]


def truth(indexed, query, line):
    """The ids of all pool images above the line, best first."""
    among = set(indexed.ids[:3950])
    ids = indexed.best(query, len(indexed.ids), among)
    similarity = dict(zip(indexed.ids, indexed.unit @ query, strict=True))
    return [one for one in ids if similarity[one] > line]


@pytest.mark.parametrize("depth", [1, 100, 3000])
@pytest.mark.parametrize("line", [0.8, 0.5, 0.1])
def test_all_rows_above_the_line_are_found_whatever_depth_is_expected(indexed_once, queries, line, depth):
    space = indexed_once.space
    found = above(space, queries, line, space.pool(), depth, 10_000)
    missed = total = 0
    for query, one in zip(queries, found, strict=True):
        wanted = set(truth(indexed_once, query, line))
        total += len(wanted)
        missed += len(wanted - set(ids_of(space, one.rows)))
        assert one.floor == line
        assert (np.diff(one.similarities) <= 0).all()
        assert space.pool().mask[one.rows].all()
        assert len(set(one.rows.tolist())) == len(one.rows)
    assert missed <= 0.01 * total


def test_similarities_are_those_of_the_stored_vectors(indexed_once, queries):
    space = indexed_once.space
    (one,) = above(space, queries[:1], 0.3, space.pool(), 500, 10_000)
    exact = space.search(queries[:1], len(space), space.pool(), method="exact")
    known = dict(zip(exact.rows[0].tolist(), exact.similarities[0].tolist(), strict=True))
    assert [known[row] for row in one.rows.tolist()] == one.similarities.tolist()


def test_a_limit_ends_the_search_and_the_floor_says_where(indexed_once, queries):
    space = indexed_once.space
    found = above(space, queries, -1.0, space.pool(), 10, 300)
    missed = 0
    for query, one in zip(queries, found, strict=True):
        assert len(one.rows) == 300
        missed += len(set(truth(indexed_once, query, one.floor)) - set(ids_of(space, one.rows)))
        assert one.floor > -1.0
    assert missed <= 0.01 * 20 * 300


def test_a_line_below_all_compares_the_whole_pool(indexed_once, queries):
    space = indexed_once.space
    pool = space.pool("all", "width < 900")
    (one,) = above(space, queries[:1], -1.0, pool, 10, 10_000)
    assert sorted(one.rows.tolist()) == np.flatnonzero(pool.mask).tolist()
    assert one.floor == -1.0


def test_rows_that_came_after_the_index_are_above_the_line_too(indexed, queries):
    late = indexed.add("late", queries * 5)
    space = indexed.space
    found = above(space, queries, 0.5, space.pool(), 50, 10_000)
    for query, name, one in zip(queries, late, found, strict=True):
        assert ids_of(space, one.rows)[0] == name
        among = {*indexed.ids[:3950], *late}
        similarity = dict(zip(indexed.ids, indexed.unit @ query, strict=True))
        wanted = {i for i in among if similarity[i] > 0.5}
        assert len(wanted - set(ids_of(space, one.rows))) <= 0.02 * len(wanted)


def test_the_best_come_first_and_the_line_goes_on_from_them(indexed_once, queries, monkeypatch):
    space, asked = indexed_once.space, []
    index = space.open_index()
    estimate = index.estimate
    monkeypatch.setattr(index, "estimate", lambda *of, **how: asked.append(of[1]) or estimate(*of, **how))
    for query, descent in zip(queries, space.descend(queries, space.pool()), strict=True):
        asked.clear()
        rows, similarities = descent.nearest(50)
        exact = indexed_once.best(query, 50, set(indexed_once.ids[:3950]))
        assert len(rows) == 50
        assert (np.diff(similarities) <= 0).all()
        assert len(set(ids_of(space, rows)) & set(exact)) >= 48
        line = float(similarities[20])
        below = descent.above(line, 20, 10_000)
        assert (below.similarities > line).sum() >= 20
        assert len(asked) == 1  # what the index was asked for first was enough
