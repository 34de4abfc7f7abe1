"""Conditions: what they select, and what they must not be able to do."""

import pytest
from attribase.query.conditions import evaluate
from attribase.query.features import Pinned
from attribase.query.search import SearchSpace
from attribase.query.search.condition import matching_image_ids
from attribase.store.errors import InvalidInputError

from ..conditions.refused import REFUSED


def select(large, where):
    return set(matching_image_ids(Pinned.now(large.store), where).to_pylist())


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ("creator = 'c7'", lambda n: n % 400 == 7),
        ("creator = 'c7' and license <> 'CC0'", lambda _: False),
        ("creator in ('c6', 'c8') and not license = 'CC0'", lambda n: n % 400 in (6, 8)),
        ("lower(license) like 'cc%' and width between 10 and 20", lambda n: n % 2 and 10 <= n <= 20),
        ("width // 100 = 3 or width * 2 > 7990", lambda n: n // 100 == 3 or n * 2 > 7990),
        ("collection = 'both'", lambda n: n >= 3800),
        ("collection = 'both' and width < 3900", lambda n: 3800 <= n < 3900),
        ("COLLECTION IS NULL", lambda _: False),
        ("caption is null and width = 3", lambda n: n == 3),
        ("case when width < 5 then true else creator = 'c9' end", lambda n: n < 5 or n % 400 == 9),
        ("width < 4 -- the first", lambda n: n < 4),
    ],
)
def test_a_condition_selects_what_it_says(large_once, where, holds):
    assert select(large_once, where) == {i for n, i in enumerate(large_once.ids) if holds(n)}


def test_an_image_in_two_collections_counts_once(large_once):
    found = matching_image_ids(Pinned.now(large_once.store), "collection is not null")
    assert len(found) == len(set(found.to_pylist())) == 4000


def test_a_pool_is_narrowed(large_once):
    space = large_once.space
    assert space.pool("gallery", "collection = 'both'").size == 100
    assert space.pool("all", "collection = 'both'").size == 150
    assert space.pool("gallery", "width < 0").size == 0


@pytest.mark.parametrize("where", REFUSED, ids=lambda where: where[:40])
def test_what_is_no_condition_over_images_is_refused_with_a_reason(large_once, where):
    with pytest.raises(InvalidInputError, match="condition") as caught:
        select(large_once, where)
    assert len(str(caught.value)) < 1000
    assert caught.value.hint


def test_deep_nesting_within_the_length_ends_well(large_once):
    for where in ("(" * 400 + "true" + ")" * 400, "not " * 1200 + "true", "-" * 900 + "1 = 1"):
        try:
            select(large_once, where)
        except InvalidInputError:
            continue


def test_a_condition_that_takes_too_long_is_stopped(large_once):
    slow = f"levenshtein('{'a' * 900}' || width, '{'b' * 900}' || width) > 3"  # seconds, over 4000 images
    with pytest.raises(InvalidInputError, match="longer than"):
        matching_image_ids(Pinned.now(large_once.store), slow, seconds=0.05)


def test_the_connection_could_not_read_files_either(large_once, monkeypatch):
    class Unwritten(evaluate.DuckDBWriter):
        text = ""

        def write(self, _):
            return self.text

    monkeypatch.setattr(evaluate, "DuckDBWriter", Unwritten)  # as if everything were allowed
    for where in (
        "exists (from read_text('/etc/passwd'))",
        "exists (from '/etc/passwd')",
        "exists (from read_csv('http://127.0.0.1:1/x'))",
    ):
        Unwritten.text = where
        with pytest.raises(InvalidInputError):
            select(large_once, "true")


def test_the_same_condition_is_evaluated_once(large_once, monkeypatch):
    space: SearchSpace = large_once.space
    first = space.pool("all", "creator = 'c1'")
    monkeypatch.setattr("attribase.query.search.pool.matching_image_ids", None)
    assert space.pool("all", "creator = 'c1'") is first
