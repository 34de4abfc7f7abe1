"""Words of an answer that explain themselves to a pointer, the keyboard, a finger and a screen reader."""

import re
from pathlib import Path

import httpx
from attribase.query.attribution.provenance import MEANING_TEXT
from attribase.query.attribution.words import WORDS
from attribase.query.service.routes.site import WEB

from .conftest import SAMPLE, answer_of, shown

OPEN = ".explanation:popover-open"
PARAGRAPH = Path(__file__).parents[4] / "docs" / "words.md"


def plain(text):
    return re.sub(r"\s+", " ", re.sub(r"\*|<[^>]*>|\[([^]]*)\]\([^)]*\)", r"\1", text)).strip()


def test_the_pointer_shows_an_explanation_and_leaving_hides_it(page, home):
    page.goto(home + SAMPLE)
    shown(page)
    assert page.locator(OPEN).count() == 0
    page.hover(".state .word >> text=pool")
    assert page.inner_text(OPEN) == f"pool: {WORDS['pool'].text}"
    page.hover(OPEN)  # the pointer may rest on it
    page.wait_for_timeout(400)
    assert page.locator(OPEN).count() == 1
    page.hover("h1")
    page.wait_for_selector(OPEN, state="detached")


def test_keys_show_an_explanation_and_escape_hides_it(page, home):
    page.goto(home + SAMPLE)
    shown(page)
    page.locator(".field select").first.focus()
    page.keyboard.press("Tab")
    assert page.inner_text(OPEN) == f"encoder: {WORDS['encoder'].text}"
    page.keyboard.press("Escape")
    assert page.locator(OPEN).count() == 0
    page.keyboard.press("Enter")
    assert page.locator(OPEN).count() == 1
    page.keyboard.press("Tab")
    assert page.locator(OPEN).count() == 0


def test_a_finger_shows_explanations_within_a_phone(browser, home):
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(home + SAMPLE)
    shown(page)
    for word in page.locator("#result .word").all():
        key = word.get_attribute("data-word")
        word.tap()
        assert page.inner_text(OPEN) == f"{WORDS[key].name}: {WORDS[key].text}"
        box = page.locator(OPEN).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    context.close()


def test_the_words_of_an_answer_are_explained_and_described(page, home):
    answer = answer_of(home, by="creator") | {"tau": 0.05, "lam": 0.3, "null_share": 0.2, "p_none": 0.03}
    answer["evidence"] |= {"line": "top image right in 40% of 90 test pictures: moderate evidence"}
    answer["evidence"] |= {"strength": "moderate", "right": 0.4}
    page.route("**/v1/attribute", lambda route: route.fulfill(json=answer))
    page.goto(home + SAMPLE)
    shown(page)
    expected = {"share", "null_share", "evidence", "p_none", "pool", "encoder", "mapper", "tau", "lambda"}
    words = "all => all.map((one) => [one.dataset.word, one.getAttribute('aria-describedby')])"
    found = dict(page.locator("#result .word").evaluate_all(words))
    assert expected | {"exemplar", "owned"} == set(found)
    for key, described_by in found.items():
        assert page.locator(f"#{described_by}").text_content() == f"{WORDS[key].name}: {WORDS[key].text}"
    assert "τ 0.050 · λ 0.30" in page.inner_text(".summary")
    assert page.locator("#question .help").count() == 5


def test_a_share_is_explained_in_the_words_of_the_documentation(page, home):
    page.goto(home + SAMPLE)
    shown(page)
    page.get_by_role("link", name="What a share means").first.click()
    said = plain(page.inner_text("#view-words .prose"))
    documented = plain(PARAGRAPH.read_text().split("## What a share means")[1].split("## ")[0])
    assert said == documented
    assert MEANING_TEXT in said
    terms = page.locator("#words-list dt").all_inner_texts()
    assert terms == [word.name for word in WORDS.values()]
    page.go_back()
    assert len(shown(page)) == 12


def test_every_word_that_scripts_name_is_there(home):
    served = httpx.get(f"{home}static/words.json").json()["words"]
    texts = "".join(path.read_text() for path in WEB.iterdir() if path.suffix in (".js", ".html"))
    named = set(re.findall(r'(?:\bword\(|data-explain=)"(\w+)"', texts))
    assert named <= set(served)
    assert {"tau", "lambda", "pool", "mapper", "encoder", "null_share", "evidence", "p_none"} <= named
