"""Spools: bytes in memory or in a file, all of them counted."""

import pytest
from attribase.query.service import spool as module
from attribase.query.service.spool import SLICE_BYTES, SMALL_BYTES, Spool, SpoolBudget
from attribase.store.errors import AttribaseError, OverloadedError


def filled(budget, *parts):
    spool = Spool(budget)
    for part in parts:
        spool.write(part)
    return spool


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, 3 * SLICE_BYTES + 5])
def test_what_was_written_is_read_in_slices(size):
    data = bytes(range(256)) * (size // 256 + 1)
    whole = data[:size]
    spool = filled(SpoolBudget(1 << 30, "answers"), whole[: size // 3], whole[size // 3 :])
    slices = list(spool)
    assert b"".join(slices) == whole
    assert len(slices) == len(spool)
    assert all(len(part) == SLICE_BYTES for part in slices[:-1])


def test_small_ones_are_in_memory_and_large_ones_in_files():
    budget = SpoolBudget(1 << 30, "answers")
    small, large = filled(budget, b"small"), filled(budget, b"x", bytes(SMALL_BYTES))
    assert (budget.used, budget.in_memory) == (5 + 1 + SMALL_BYTES, 5)
    small.close()
    large.close()
    large.close()
    assert (budget.used, budget.in_memory) == (0, 0)


def test_where_memory_is_taken_small_ones_go_to_files(monkeypatch):
    monkeypatch.setattr(module, "MEMORY_BYTES", 8)
    budget = SpoolBudget(1 << 30, "answers")
    spools = [filled(budget, b"12345") for _ in range(3)]
    assert budget.in_memory == 5
    assert [b"".join(spool) for spool in spools] == [b"12345"] * 3


def test_what_does_not_fit_beside_all_others_is_refused():
    budget = SpoolBudget(10, "answers")
    first = filled(budget, b"123456")
    with pytest.raises(OverloadedError, match="large answers"):
        filled(budget, b"12345")
    first.close()
    assert b"".join(filled(budget, b"12345")) == b"12345"


def test_an_answer_can_be_begun_again():
    budget = SpoolBudget(1 << 30, "answers")
    spool = filled(budget, bytes(SMALL_BYTES + 1))
    spool.begin({"status": 413})
    spool.write(b"error")
    assert (b"".join(spool), spool.head, budget.used) == (b"error", {"status": 413}, 5)


def test_nothing_is_written_once_it_is_closed():
    budget = SpoolBudget(1 << 30, "answers")
    spool = filled(budget, b"a")
    spool.close()
    with pytest.raises(AttribaseError):
        spool.write(b"b")
    assert budget.used == 0
