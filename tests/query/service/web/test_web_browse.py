"""Browsing the data set, the page of an image, links to answers, and the usage of samples."""

import re

import httpx
import pytest

from .conftest import SAMPLE, answer_of, shown
from .world import HOSTILE

CAPTIONS = "#browse-list .sample .line:not(.soft)"


@pytest.fixture
def small_pages(page):
    """Pages of ten images."""

    def fewer(route):
        route.continue_(url=route.request.url.replace("limit=60", "limit=10"))

    page.route("**/v1/images?*", fewer)
    return page


def test_pages_are_turned_and_kept_in_the_address(small_pages, home):
    page = small_pages
    everything = httpx.get(f"{home}v1/images?limit=100").json()["images"]
    names = [row["caption"] for row in everything]
    page.goto(f"{home}#browse")
    page.wait_for_selector("#browse-list >> text=1 to 10 of 28 images")
    assert page.locator(CAPTIONS).all_inner_texts() == names[:10]
    assert page.get_by_role("button", name="Previous").is_disabled()
    for range_, expected in (("11 to 20", names[10:20]), ("21 to 28", names[20:])):
        page.get_by_role("button", name="Next").click()
        page.wait_for_selector(f"#browse-list >> text={range_} of 28 images")
        assert page.locator(CAPTIONS).all_inner_texts() == expected
        assert page.evaluate("document.activeElement.matches('#browse-list .sample')")  # keys go on there
    assert page.get_by_role("button", name="Next").is_disabled()
    page.reload()
    page.wait_for_selector("#browse-list >> text=21 to 28 of 28 images")
    page.get_by_role("button", name="Previous").click()
    page.wait_for_selector("#browse-list >> text=11 to 20 of 28 images")
    assert page.locator(CAPTIONS).all_inner_texts() == names[10:20]


def test_filters_are_in_the_address_and_come_back_from_it(page, home):
    page.goto(f"{home}#browse")
    page.wait_for_selector("#browse-list >> text=28 images")
    page.get_by_role("link", name="Gallery").click()
    page.wait_for_selector("#browse-list >> text=24 images")
    page.select_option("#browse-filter [name=creator]", f"={HOSTILE}")
    page.wait_for_selector("#browse-list >> text=1 to 6 of 6 images")
    page.select_option("#browse-filter [name=creator]", "?")  # unknown
    page.wait_for_selector("#browse-list >> text=/creator|of 6 images/")
    page.select_option("#browse-filter [name=reservation]", "=tdm")
    page.wait_for_selector("#browse-list >> text=1 to 2 of 2 images")
    assert page.locator("#browse-list .badge").all_inner_texts() == ["reserved: tdm"] * 2
    address = page.evaluate("location.hash")
    page.goto("about:blank")
    page.goto(home + address)
    page.wait_for_selector("#browse-list >> text=1 to 2 of 2 images")
    assert page.input_value("#browse-filter [name=creator]") == "?"
    page.fill("#browse-filter [name=where]", "nothing = 1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#browse-list .error >> text=nothing")
    assert page.title() == "Browse · Attribase"  # the hostile name was only ever text


def test_an_image_has_a_page_and_can_be_asked_about(page, home):
    page.goto(f"{home}#browse?kind=exemplars&q=e0")
    page.wait_for_selector("#browse-list >> text=1 to 1 of 1 image")
    page.locator("#browse-list .sample").click()
    page.wait_for_selector("#image-body .sample")
    assert page.inner_text("h1:visible") == "picture e0"
    facts = dict(
        zip(
            page.locator("#image-body dt").all_inner_texts(),
            page.locator("#image-body dd").all_inner_texts(),
            strict=True,
        )
    )
    assert (facts["rights holder"], facts["reservation"], facts["collections"]) == ("Foundry", "none", "art")
    assert page.locator("#image-body .sample").count() == 4  # two of its model, two of the twin
    page.get_by_role("link", name="Ask about this picture").click()
    assert shown(page)[0].startswith("Rank 1: picture e0, ")
    page.reload()
    assert shown(page)[0].startswith("Rank 1: picture e0, ")
    page.goto(f"{home}#image?id=nowhere")
    page.wait_for_selector("#image-body .error >> text=no such image")


def test_the_link_of_an_answer_holds_the_state_of_the_store(page, home):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=home.rstrip("/"))
    page.goto(f"{home}{SAMPLE}&k=4")
    assert len(shown(page)) == 4
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_selector(".kept >> text=Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{home}{SAMPLE}")
    assert answer_of(home)["provenance"]["at"].split("T")[0] in link
    page.goto("about:blank")
    page.goto(link)
    assert len(shown(page)) == 4
    assert "The store as it was" in page.inner_text("#as-of")
    page.get_by_role("button", name="Ask the newest state").click()
    page.wait_for_selector("#as-of", state="hidden")
    assert "at=" not in page.evaluate("location.hash")


def test_a_picture_that_is_not_stored_has_no_link_and_says_so(page, home, tmp_path):
    from .world import picture

    (tmp_path / "a.png").write_bytes(picture(5)[0])
    page.goto(home, wait_until="networkidle")
    page.set_input_files("#file", tmp_path / "a.png")
    shown(page)
    assert page.get_by_role("button", name="Copy link").count() == 0
    assert "not stored" in page.inner_text(".kept")
    assert "signs no evidence" in page.inner_text(".kept")


def test_a_phone_shows_the_images_first_and_says_how_many_filters_there_are(browser, home):
    context = browser.new_context(viewport={"width": 360, "height": 780})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{home}#browse?kind=gallery&unknown=creator&reservation=tdm")
    page.wait_for_selector("#browse-list >> text=1 to 2 of 2 images")
    summary = page.locator("#browse-fold summary")
    assert summary.inner_text() == "Which ones · 2 filters"
    assert not page.locator("#browse-filter [name=creator]").is_visible()
    top = page.locator("#browse-list .sample").first.bounding_box()["y"]
    assert top < 780 / 2
    address = page.evaluate("location.hash")
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#browse-filter') !== null")
    assert page.evaluate("location.hash") == address
    page.select_option("#browse-filter [name=creator]", "")
    page.wait_for_selector("#browse-fold summary >> text=/ 1 filter$/")
    assert page.locator("#browse-filter [name=creator]").is_visible()  # open until it is closed
    page.get_by_role("link", name="All images").click()
    page.wait_for_selector("#browse-list >> text=28 images")
    assert summary.inner_text() == "Which ones"
    page.locator("h1:visible").click()
    page.set_viewport_size({"width": 1200, "height": 780})
    page.wait_for_selector("#browse-fold[open]")
    page.set_viewport_size({"width": 360, "height": 780})
    page.wait_for_selector("#browse-fold:not([open])")
    context.close()


def test_evidence_is_of_the_same_question_and_its_error_is_shown(page, home):
    info = httpx.get(f"{home}v1/info").json()
    page.route("**/v1/info", lambda route: route.fulfill(json=info | {"evidence": "ab" * 32}))
    asked = []

    def respond(route):
        asked.append(route.request.post_data_json)
        if len(asked) == 1:
            error = {"message": "no pack", "hint": "try again", "status": 409}
            return route.fulfill(status=409, json={"error": error})
        headers = {"content-type": "application/zip", "content-disposition": 'attachment; filename="a.zip"'}
        return route.fulfill(body=b"PK", headers=headers)

    page.route("**/v1/evidence", respond)
    page.goto(f"{home}{SAMPLE}&k=4&where=creator%20%3D%20'Ada'")
    shown(page)
    page.get_by_role("button", name="Save as evidence").click()
    page.wait_for_selector(".kept >> text=no pack try again")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as evidence").click()
    assert download.value.suggested_filename == "a.zip"
    assert "abababababababab…" in page.inner_text(".kept")
    assert {"sample": "m0-s0", "k": 4, "where": "creator = 'Ada'"}.items() <= asked[1].items()
    assert asked[1]["at"] == re.sub(" UTC", "", asked[1]["at"])


def test_evidence_of_more_images_than_the_service_signs_is_of_the_first_and_says_so(page, home):
    info = httpx.get(f"{home}v1/info").json()
    packs = {"evidence": "ab" * 32, "evidence_images": 5}
    page.route("**/v1/info", lambda route: route.fulfill(json=info | packs))
    asked = []

    def respond(route):
        asked.append(route.request.post_data_json)
        return route.fulfill(body=b"PK", headers={"content-type": "application/zip"})

    page.route("**/v1/evidence", respond)
    page.goto(f"{home}{SAMPLE}&k=8")
    assert len(shown(page)) == 8
    assert "at most 5 images, the first of these" in page.inner_text(".kept")
    with page.expect_download():
        page.get_by_role("button", name="Save the first 5 as evidence").click()
    assert "Saved: the first 5 images, signed" in page.inner_text(".kept")
    page.fill("[name=k]", "5")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_selector("#result[aria-busy=false] .hits:not(:has(li:nth-child(6)))")
    assert page.inner_text(".kept") == ""
    with page.expect_download():
        page.get_by_role("button", name="Save as evidence").click()
    assert [one["k"] for one in asked] == [5, 5]


def test_copies_are_folded_and_lead_to_their_pages(page, home):
    answer = answer_of(home)
    rows = [row | {"copies": ["g01", "g02"]} if row["rank"] == 1 else row for row in answer["results"]]
    page.route("**/v1/attribute", lambda route: route.fulfill(json=answer | {"results": rows}))
    page.goto(home + SAMPLE)
    assert "+2 copies" in shown(page)[0]
    page.locator(".hit").nth(0).click()
    assert not page.locator(".copies li").first.is_visible()
    page.locator(".copies summary").click()
    page.locator(".copies a").nth(1).click()
    page.wait_for_selector("#image-body dl >> text=g02")
    assert page.locator("#detail[open]").count() == 0


def test_stored_clusters_fold_an_answer_and_stay_in_its_address(page, home):
    page.goto(f"{home}{SAMPLE}&dedup=clusters")
    assert "+1 copy" in shown(page)[0]
    assert page.input_value("[name=dedup]") == "clusters"
    folded = answer_of(home, fold=True)["results"][0]
    assert (folded["image_id"], folded["copies"]) == ("e0", ["g03"])
    page.select_option("[name=dedup]", "0.95")
    page.wait_for_function("location.hash.includes('dedup=0.95')")
    page.wait_for_selector("#result[aria-busy=false] .hit")
    assert page.locator(".hit .badge >> text=copy").count() == 0


def test_usage_of_all_samples_is_that_of_the_service(page, home):
    said = httpx.get(f"{home}v1/usage", params={"by": "reservation"}, timeout=60).json()
    page.goto(f"{home}#usage")
    page.wait_for_selector("#usage-body table")
    assert (
        f"{100 * said['reserved']['influence']:.1f}% of the influence on {said['samples']} samples"
        in page.inner_text("#usage-lead")
    )
    rows = page.locator("#usage-body tbody tr")
    assert rows.count() == len(said["owners"])
    for row, owner in zip(rows.all(), said["owners"], strict=True):
        assert row.locator("td").nth(1).inner_text() == f"{100 * owner['influence']:.1f}%"
    page.select_option("#usage-form [name=by]", "creator")
    page.wait_for_selector("#usage-lead >> text=by creator")
    page.get_by_role("button", name="Last month").click()
    page.wait_for_selector("#usage-body .error >> text=nothing says when")  # the samples have no time
    since, until = (page.input_value(f"#usage-form [name={name}]") for name in ("since", "until"))
    assert since < until
    assert until.endswith("-01")
