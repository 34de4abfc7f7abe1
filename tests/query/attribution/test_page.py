"""The page of answers."""

import re
from dataclasses import replace

from attribase.query import Request, Session, answer_all
from attribase.query.attribution.abstention import verdict
from attribase.query.attribution.cell import answer_cell
from attribase.query.attribution.page import answer_page
from attribase.query.attribution.provenance import LIMITS
from attribase.query.attribution.state import STATES
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


def test_none_of_these_leads_a_page_and_its_shares_stand_below(small):
    small.calibrate(0.1, 0.0)
    snapshot = Session(small.store).snapshot()
    (answer,) = answer_all(snapshot, ["m0-s0"], Request(k=4))
    judged = replace(answer, alpha=0.1, p_none=0.31, attributed=False, set_size=3)
    none = replace(judged, state="none", state_text=next(verdict(judged)))
    page = answer_page(snapshot, [none], {}, "title")
    lines = [page.index(text) for text in ("<h1>None of these</h1>", STATES["none"], "<h2>", 'class="whole"')]
    assert lines == sorted(lines)
    assert "of the influence is from these 4 images</h2>" in page
    assert page.count("up to 31% of pictures") + page.count("Up to 31% of pictures") == 1
    cell = answer_cell(none.to_dict(), None)
    assert cell.index("<b>None of these.</b>") < cell.index("of the influence")
    assert "Up to 31% of pictures" in cell
