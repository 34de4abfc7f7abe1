"""The page of answers."""

from attribase.query import Request, Session, answer_all
from attribase.query.attribution.page import answer_page


def test_a_page_of_answers_without_influence_or_results(small):
    snapshot = Session(small.store).snapshot()
    answers = answer_all(snapshot, ["m0-s0"], Request(k=3))
    answers += answer_all(snapshot, ["m0-s1"], Request(where="creator = 'nobody'"))
    page = answer_page(snapshot, answers, {}, "<title>")
    assert "The most similar training images" in page
    assert "Nothing to name" in page
    assert "&lt;title&gt;" in page
