"""The page of answers."""

import re
from dataclasses import replace

from attribase.query import Request, Session, answer_all
from attribase.query.attribution.page import answer_page
from attribase.query.attribution.provenance import LIMITS
from attribase.query.attribution.words import WORDS
from markupsafe import escape


def test_a_page_of_answers_without_influence_or_results(small):
    snapshot = Session(small.store).snapshot()
    answers = answer_all(snapshot, ["m0-s0"], Request(k=3))
    answers += answer_all(snapshot, ["m0-s1"], Request(where="creator = 'nobody'"))
    page = answer_page(snapshot, answers, {}, "<title>")
    assert "The most similar training images" in page
    assert "Nothing to name" in page
    assert "&lt;title&gt;" in page


def test_a_page_has_one_scale_owners_words_limits_and_where_answers_come_from(small):
    small.calibrate(0.1, 0.0)
    snapshot = Session(small.store).snapshot()
    (answer,) = answer_all(snapshot, ["m0-s0"], Request(k=4, by="license"))
    unclear = replace(answer, state="no clear source")
    page = answer_page(snapshot, [answer, unclear], {}, "title")
    assert page.count("<h1>No clear source</h1>") == 1
    assert page.count("one of 100% would be as wide as this line") == 2
    assert "<h2>By licence</h2>" in page
    owned = [f'style="left:{100 * share.owned:.2f}%"' for share in answer.shares]
    assert re.findall(r'style="left:[0-9.]+%"', page) == owned * 2
    for text in (*answer.provenance.about().values(), *LIMITS, *(word.text for word in WORDS.values())):
        assert str(escape(text)) in page
    targets = re.findall(r'href="#([^"]*)"', page)
    assert {"word-pool", "word-tau", "word-lambda", "word-owned"} <= set(targets)
    assert all(f'id="{target}"' in page for target in targets)
