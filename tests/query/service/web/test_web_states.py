"""What leads an answer without a source or without shares, and what is on paper."""

import re

from attribase.query.attribution.provenance import LIMITS
from attribase.query.attribution.state import STATES

from .conftest import SAMPLE, answer_of, shown


def test_without_a_calibration_only_similarity_is_shown(page, home):
    answer = answer_of(home)
    plain = {"remaining": None, "tau": None, "lam": None, "notes": ["no influence: not calibrated"]}
    rows = [row | {"influence": None} for row in answer["results"]]
    page.route("**/v1/attribute", lambda route: route.fulfill(json=answer | plain | {"results": rows}))
    page.goto(home + SAMPLE)
    assert "%" not in "".join(shown(page))
    assert "not calibrated" in page.inner_text(".lead-line")
    assert "All pictures have the same size" in page.inner_text("#result")
    assert page.locator(".ruler").count() == 0
    assert "no influence: not calibrated" in page.inner_text("#result")


def test_without_a_calibration_each_owner_has_its_best_match(page, home):
    answer = answer_of(home, by="creator")
    shares = [share | {"influence": None} for share in answer["shares"]]
    rows = [row | {"influence": None} for row in answer["results"]]
    plain = {
        "remaining": None,
        "tau": None,
        "lam": None,
        "state": "similar",
        "results": rows,
        "shares": shares,
    }
    page.route("**/v1/attribute", lambda route: route.fulfill(json=answer | plain))
    page.goto(home + SAMPLE)
    shown(page)
    assert page.locator(".owners .track").count() == 0
    assert "The best match of each owner among all images compared." in page.inner_text(".owners")
    for row, share in zip(page.locator(".owners tbody tr").all(), shares, strict=True):
        assert row.locator("td").nth(1).inner_text() == f"{share['similarity']:.3f}"
        assert row.locator("img").get_attribute("alt") == f"best match of {share['name'] or 'unknown'}"


def test_no_clear_source_leads_the_answer_in_grey(page, home):
    answer = answer_of(home) | {"state": "no clear source"}
    page.route("**/v1/attribute", lambda route: route.fulfill(json=answer))
    page.goto(home + SAMPLE)
    shown(page)
    banner = page.locator(".summary > :first-child")
    assert banner.inner_text().split("\n")[0] == "No clear source."
    assert STATES["no clear source"] in banner.inner_text()
    assert page.inner_text("#announcement").startswith("No clear source.")
    red, green, blue = re.findall(r"\d+", banner.evaluate("one => getComputedStyle(one).backgroundColor"))
    assert int(blue) - int(red) < 20  # grey
    assert int(green) - int(red) < 20


def test_none_of_these_leads_and_the_shares_stand_below(page, home):
    said = "none of these: up to 31% of pictures that owe nothing to these images have a match as good"
    none = {
        "state": "none",
        "state_text": said,
        "alpha": 0.1,
        "attributed": False,
        "p_none": 0.31,
        "set_size": 20,
    }
    answer = answer_of(home) | none
    page.route("**/v1/attribute", lambda route: route.fulfill(json=answer))
    page.goto(home + SAMPLE)
    shown(page)
    banner = page.inner_text(".summary > :first-child")
    assert banner.startswith(f"None of these.\n\n{STATES['none']} Up to 31.0% of")
    assert page.locator(".summary .verdict").count() == 0  # said once
    assert page.locator(".summary :is(h2, .banner)").evaluate_all("all => all.map((one) => one.tagName)") == [
        "DIV",
        "H2",
    ]
    tops = [
        page.locator(f".summary {one}").bounding_box()["y"] for one in (".banner", ".lead-line", ".share-bar")
    ]
    assert tops == sorted(tops)
    assert page.inner_text("#announcement").startswith("None of these.")


def test_the_printed_page_has_the_answer_its_limits_and_where_it_comes_from(page, home):
    page.goto(home + SAMPLE)
    shown(page)
    source = answer_of(home)["provenance"]
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 680, "height": 960})  # A4 less its margins
    printed = page.inner_text("body")
    for text in (*LIMITS, source["at"], source["software"], source["store"], "encoder enc, mapper none"):
        assert text in printed
    for hidden in ("nav", "#options", ".asks", ".help", "#clear"):
        assert not page.locator(hidden).first.is_visible(), hidden
    assert page.evaluate("document.documentElement.scrollWidth") <= 680
    cut = "all => all.filter((one) => one.scrollWidth > one.clientWidth + 1).length"
    assert page.locator(".hit .line").evaluate_all(cut) == 0
