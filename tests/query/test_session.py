"""A store kept open: what is read again and when, at which versions, and by many threads."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import numpy as np
import pytest
from attribase.query import Request, Session, answer_all
from attribase.runtime import Preprocessing
from attribase.store import NotFoundError, Store, key_id

from .conftest import Fake


def test_a_snapshot_stays_the_same_until_a_table_changes(small):
    session = Session(small.store, refresh=0)
    first = session.snapshot()
    assert session.snapshot() is first
    small.images(["new"], "gallery")
    second = session.snapshot()
    assert second is not first
    assert second.version != first.version
    assert len(first.space()) + 1 == len(second.space())
    assert second.pinned.versions == small.store.versions()


def test_new_data_is_not_looked_for_before_its_time(small, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("attribase.query.session.monotonic", lambda: now[0])
    session = Session(small.store, refresh=5)
    first = session.snapshot()
    small.images(["new"], "gallery")
    now[0] = 4.9
    assert session.snapshot() is first
    now[0] = 5.0
    assert session.snapshot() is not first


def test_what_did_not_change_is_not_read_again(small):
    session = Session(small.store, refresh=0)
    space = session.snapshot().space()
    small.store.record_failures("embed", [("x", "broken", "")])
    assert session.snapshot().space() is space
    small.calibrate(0.1, 0.1)
    newest = session.snapshot()
    assert newest.space() is space
    assert newest.calibration("enc", "none").tau == 0.1


def test_a_newer_snapshot_has_ready_what_was_asked_for(small, monkeypatch):
    session = Session(small.store, refresh=0)
    answer_all(session.snapshot(), ["m0-s0"], Request(by="creator"))
    small.images(["new"], "gallery")
    newest = session.snapshot()
    monkeypatch.setattr("attribase.query.search.SearchSpace.open", None)  # would fail if it were called
    assert answer_all(newest, ["m0-s0"], Request(k=500))[0].pool_size == len(newest.space()) - 4


def test_an_older_state_can_be_asked_beside_the_newest(small):
    session = Session(small.store, refresh=0)
    then = session.snapshot().pinned.versions
    before = answer_all(session.snapshot(), ["m0-s0"], Request(k=3))[0]
    small.images(["near"], "gallery", small.vectors["m0-s0"][None])
    assert answer_all(session.snapshot(), ["m0-s0"], Request(k=3))[0].results[0].image_id == "near"
    assert answer_all(session.snapshot_at(then), ["m0-s0"], Request(k=3))[0] == before


def test_threads_ask_one_session_and_get_what_one_would(small):
    small.calibrate(0.2, 0.0)
    session = Session(small.store, refresh=0)
    expected = answer_all(Session(small.store).snapshot(), ["m1-s0"], Request(by="creator"))
    barrier = Barrier(8)

    def ask(_):
        barrier.wait()
        return [answer_all(session.snapshot(), ["m1-s0"], Request(by="creator")) for _ in range(5)]

    with ThreadPoolExecutor(8) as threads:
        for answers in threads.map(ask, range(8)):
            assert all(answer == expected for answer in answers)


def test_unknown_names_leave_nothing_behind(small):
    snapshot = Session(small.store).snapshot()
    snapshot.space()
    kept = len(snapshot._cache), len(snapshot._warmups)
    for name in map(str, range(20)):
        with pytest.raises(NotFoundError):
            snapshot.space(name)
        with pytest.raises(NotFoundError):
            snapshot.space("enc", name)
    assert (len(snapshot._cache), len(snapshot._warmups)) == kept


def test_what_an_encoder_does_with_profiles_is_known_without_its_network(small):
    assert (
        Session(small.store).snapshot().encoders.profiles("enc") == "ignore"
    )  # vectors of an earlier version
    how = Preprocessing(4, 4).to_json()
    small.store.upsert("encoders", [{"encoder": "enc", "dim": 16, "preprocessing": how}], update=True)
    assert Session(small.store).snapshot().encoders.profiles("enc") == "srgb"


def test_a_store_without_the_column_of_parts_has_no_composites(tmp_path):
    """Versions of a table that an earlier attribase wrote lack it, and tags keep them."""
    store = Store.create(tmp_path / "store")
    store.upsert("encoders", [{"encoder": "a", "dim": 2}])
    store.dataset("encoders").drop_columns(["parts"])
    snapshot = Session(store).snapshot()
    assert snapshot.encoders.parts("a") == []
    assert snapshot.encoders.profiles("a") == "ignore"


def test_the_newest_mapper_and_its_encoder_answer_when_none_is_named(small):
    """And the first encoder by name where nothing is trained."""
    other = Fake(small.store, encoder="another")
    other.embed(["g0", "g1"], "image")
    session = Session(small.store, refresh=0)
    assert session.snapshot().space().encoder == "another"
    for fake, name, day in ((small, "old", 1), (other, "older", 0), (small, "newest", 2)):
        fake.mapper(name, np.eye(16), np.eye(16))
        row = {"mapper_id": key_id(fake.encoder, name), "encoder": fake.encoder, "mapper": name}
        created = datetime(2026, 11, 1 + day)
        small.store.upsert("mappers", [row | {"created": created}], update=True)
        space = session.snapshot().space()
        newest = ("enc", "old") if name != "newest" else ("enc", "newest")
        assert (space.encoder, space.mapper) == newest
    assert session.snapshot().space("another").mapper == "older"
