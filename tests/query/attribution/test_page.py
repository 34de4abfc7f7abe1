"""The page of answers."""

import pytest
from attribase.query import Request, Session, answer_all
from attribase.query.attribution.page import answer_page, percent


def test_a_page_of_answers_without_influence_or_results(small):
    snapshot = Session(small.store).snapshot()
    answers = answer_all(snapshot, ["m0-s0"], Request(k=3))
    answers += answer_all(snapshot, ["m0-s1"], Request(where="creator = 'nobody'"))
    page = answer_page(snapshot, answers, {}, "<title>")
    assert "The most similar training images" in page
    assert "Nothing to name" in page
    assert "&lt;title&gt;" in page


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1e-9, "under 0.1%"), (0.0123, "1.2%"), (0.0996, "10%"), (0.55, "55%"), (1, "100%")],
)
def test_percents_are_as_exact_as_they_are_read(share, text):
    assert percent(share) == text
