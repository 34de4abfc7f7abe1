"""The index of a space is read into memory before a newer snapshot is used."""

from attribase.query import Request, Session, answer_all
from attribase.query.search.index import ApproximateIndex


def test_a_newer_snapshot_reads_an_index_that_was_searched(indexed, queries, monkeypatch):
    warmed = []
    monkeypatch.setattr(ApproximateIndex, "warm", lambda self: warmed.append(self))
    session = Session(indexed.store, refresh=0)
    answer_all(session.snapshot(), ["s000"], Request(method="exact"))
    indexed.add("late", queries)
    answer_all(session.snapshot(), ["s000"], Request(method="index"))
    assert warmed == []
    indexed.add("later", queries)
    newest = session.snapshot()
    assert warmed == [newest.space().open_index()]
