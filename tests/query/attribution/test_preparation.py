"""What is read ahead of a question is what its answer reads, and changes nothing in it."""

import threading

import pytest
from attribase.query import Session
from attribase.query import session as session_module
from attribase.query.attribution import attribute as attribute_module
from attribase.query.attribution.preparation import read_ahead
from attribase.store import DataError


def wait_for_reads():
    for thread in threading.enumerate():
        if thread.name == "read-ahead":
            thread.join()


def test_the_vectors_are_in_memory_once_they_were_read_ahead(small):
    snapshot = Session(small.store).snapshot()
    space = snapshot.space()
    assert space.loaded_vectors() is None
    read_ahead(snapshot, space)
    wait_for_reads()
    assert space.loaded_vectors() is not None


def test_reading_ahead_happens_once_for_a_version_of_the_store(small, monkeypatch):
    asked = []
    snapshot = Session(small.store).snapshot()
    monkeypatch.setattr(type(snapshot), "abstention", lambda *names: asked.append(names))
    for _ in range(3):
        read_ahead(snapshot, snapshot.space())
        wait_for_reads()
    assert len(asked) == 1


def test_answers_are_the_same_without_reading_ahead(small, monkeypatch):
    small.calibrate(0.2, 0.0)
    ahead = Session(small.store).snapshot()
    found = attribute_module.answer_all(ahead, ["m0-s0"], attribute_module.Request())[0].to_dict()
    monkeypatch.setattr(attribute_module, "read_ahead", lambda *_: None)
    alone = Session(small.store).snapshot()
    expected = attribute_module.answer_all(alone, ["m0-s0"], attribute_module.Request())[0].to_dict()
    for answer in (found, expected):
        answer["provenance"].pop("date")
    assert found == expected


def test_an_error_is_that_of_the_answer_and_not_of_the_thread(small, monkeypatch, capfd):
    def broken(*_):
        raise DataError("the scores are broken", hint="train them again")

    monkeypatch.setattr(session_module, "load_abstention", broken)
    snapshot = Session(small.store).snapshot()
    with pytest.raises(DataError, match="the scores are broken"):
        attribute_module.answer_all(snapshot, ["m0-s0"], attribute_module.Request())
    wait_for_reads()
    assert "Traceback" not in capfd.readouterr().err
