"""Asking in a browser: every way to ask, what the answer says, keys, and names that are no markup."""

import base64
import csv
import re

import pytest

from .conftest import SAMPLE, answer_of, expected_label, shown
from .world import HOSTILE, QUOTED, picture


def test_a_stored_sample_is_answered_with_its_exemplars_marked(page, home):
    page.goto(home + SAMPLE)
    answer = answer_of(home, by="creator")
    labels = shown(page)
    assert len(labels) == 12
    assert all(
        label.startswith(expected_label(row)) for label, row in zip(labels, answer["results"], strict=True)
    )
    ids = [row["image_id"] for row in answer["results"]]
    assert ids[0] == "e0"
    assert [", exemplar, " in label for label in labels] == [one in ("e0", "e1") for one in ids]
    state = page.inner_text(".state")
    assert state.startswith("all images compared")
    assert "The pool has 28 images." in state
    assert f"{100 * answer['remaining']:.1f}%" in page.inner_text(".lead-line")
    assert page.inner_text(".truth li >> nth=0").strip() == "rank 1"


def test_of_a_control_no_exemplar_is_marked(page, home):
    page.goto(home + "#ask?sample=c0-s0")
    assert not any("exemplar" in label for label in shown(page))
    assert "it was not" in page.inner_text(".truth")


def test_the_area_of_pictures_is_their_share_on_one_scale_for_all_answers(page, home):
    shares = [1.0, 0.5, 0.25, 0.1, 0.09, 0.026, 0.0]
    answer = answer_of(home, k=len(shares))
    rows = [row | {"influence": share} for row, share in zip(answer["results"], shares, strict=True)]
    page.route("**/v1/attribute", lambda route: route.fulfill(json=answer | {"results": rows}))
    page.goto(home + SAMPLE)
    shown(page)
    widths = page.locator(".hit .frame").evaluate_all("all => all.map(one => one.offsetWidth)")
    whole = page.locator(".ruler").evaluate("one => one.offsetWidth")
    for width, share in zip(widths, shares, strict=True):
        assert width**2 == pytest.approx(whole**2 * max(share, 0.09), rel=0.03)
    assert "Below 9% all have the same, least size." in page.inner_text(".scale")


def test_a_chosen_a_dropped_and_a_pasted_picture_are_asked_about(page, home, tmp_path):
    data, _ = picture(5)  # that of the gallery image g05
    (tmp_path / "a.png").write_bytes(data)
    page.goto(home, wait_until="networkidle")  # its scripts listen by then
    page.set_input_files("#file", tmp_path / "a.png")
    assert shown(page)[0].startswith("Rank 1: picture g05, ")
    for kind, carrier, seed in (("DragEvent", "dataTransfer", 6), ("ClipboardEvent", "clipboardData", 7)):
        event = "drop" if kind == "DragEvent" else "paste"
        page.evaluate(
            """([text, kind, carrier, event]) => {
                const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
                const transfer = new DataTransfer();
                transfer.items.add(new File([bytes], 'b.png', { type: 'image/png' }));
                dispatchEvent(new window[kind](event, { [carrier]: transfer, cancelable: true }));
            }""",
            [base64.b64encode(picture(seed)[0]).decode(), kind, carrier, event],
        )
        page.wait_for_selector(f".hit img[alt='Rank 1: picture g0{seed}']")
    assert page.locator(".truth").count() == 0


def test_a_file_that_is_no_image_is_an_error(page, home, tmp_path):
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "torn.png").write_bytes(picture(1)[0][:60])
    page.goto(home, wait_until="networkidle")  # its scripts listen by then
    page.set_input_files("#file", tmp_path / "a.txt")
    assert "a.txt is no picture" in page.inner_text("#result .error")
    page.set_input_files("#file", tmp_path / "torn.png")
    page.wait_for_selector("#result[aria-busy=false] .error >> text=/image/")


def test_the_form_asks_again(page, home):
    page.goto(home + SAMPLE)
    shown(page)
    page.fill("[name=k]", "3")
    page.keyboard.press("Tab")
    page.wait_for_selector(".hits li:nth-child(3):last-child")
    page.fill("[name=where]", "creator = 'Ada'")
    page.keyboard.press("Enter")
    page.wait_for_selector(".state >> text=The pool has 7 images")
    assert all(", Ada, CC0, " in label for label in shown(page))
    address = page.evaluate("location.hash")
    page.goto("about:blank")
    page.goto(home + address)  # the address holds the whole question
    assert len(shown(page)) == 3
    assert page.input_value("[name=where]") == "creator = 'Ada'"
    page.fill("[name=where]", "creater = 1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#result .error >> text=creater")
    assert page.inner_text("#result .error .hint")


@pytest.mark.parametrize(("owner", "images"), [(QUOTED, 7), (HOSTILE, 7), ("unknown", 7)])
def test_an_owner_can_be_searched_alone_and_excluded(page, home, owner, images):
    page.goto(home + SAMPLE)
    shown(page)
    rows = page.locator(".owners tbody tr")
    shares = answer_of(home, by="creator")["shares"]
    assert rows.count() == len(shares) == 4
    for row, share in zip(rows.all(), shares, strict=True):
        assert row.locator("th").inner_text() == (share["name"] or "unknown")
        assert row.locator("td").nth(1).inner_text() == f"{100 * share['influence']:.1f}%"
        assert row.locator("td").nth(2).inner_text() == f"{100 * share['owned']:.1f}%" == "25.0%"
        bar, track = (row.locator(name).evaluate("one => one.offsetWidth") for name in (".track i", ".track"))
        assert bar == pytest.approx(max(track * share["influence"], 2), abs=1)
    page.get_by_role("button", name=f"without {owner}", exact=True).click()
    page.wait_for_selector(f".state >> text=The pool has {28 - images} images")
    page.fill("[name=where]", "")
    page.keyboard.press("Enter")
    page.wait_for_selector(".state >> text=The pool has 28 images")
    page.get_by_role("button", name=f"only {owner}", exact=True).click()
    page.wait_for_selector(f".state >> text=The pool has {images} images")
    assert page.title() == "Ask · Attribase"  # the hostile name was only ever text


def test_keys_alone_reach_everything(page, home):
    page.goto(home + SAMPLE)
    shown(page)
    hits = page.locator(".hit")
    assert hits.evaluate_all("all => all.filter(one => one.tabIndex === 0).length") == 1
    focused = "[...document.querySelectorAll('.hit')].indexOf(document.activeElement)"
    hits.nth(0).focus()
    for key, place in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 11), ("Home", 0)):
        page.keyboard.press(key)
        assert page.evaluate(focused) == place
    page.keyboard.press("ArrowDown")
    below = page.evaluate(focused)
    boxes = [hit.bounding_box() for hit in hits.all()]
    assert boxes[below]["y"] > boxes[0]["y"] + 20
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    outline = "getComputedStyle(document.activeElement).outlineWidth"
    assert page.evaluate(outline) == "3px"
    page.keyboard.press("Enter")
    dialog = page.locator("#detail[open]")
    assert "rank 1, " in dialog.inner_text()
    page.keyboard.press("ArrowRight")
    assert "rank 2, " in dialog.inner_text()
    page.keyboard.press("Escape")
    page.wait_for_selector(".hits li:nth-child(2) .hit:focus")
    assert dialog.count() == 0


def test_the_detail_shows_the_source_of_an_image(page, home):
    page.goto(home + SAMPLE)
    shown(page)
    page.locator(".hit").nth(0).click()
    page.wait_for_selector("#detail dl >> text=image id")
    shown_text = dict(
        zip(
            page.locator("#detail dt").all_inner_texts(),
            page.locator("#detail dd").all_inner_texts(),
            strict=True,
        )
    )
    (row,) = answer_of(home, k=1)["results"]
    assert shown_text["creator"] == (row["creator"] or "unknown")
    assert (shown_text["licence"], shown_text["source"], shown_text["image id"]) == (
        "CC0",
        "file:e0.png",
        "e0",
    )
    assert (shown_text["collections"], shown_text["size"]) == ("art", "12 × 12")
    links = page.locator("#detail dd a").evaluate_all("all => all.map(one => one.href)")
    assert links == ["https://licences.example/cc0"]  # never javascript:
    assert shown_text["page"] == "javascript://a.example/%0Aalert(1)"


@pytest.mark.parametrize(
    ("changed", "shown_text"),
    [
        (
            {"exact": False, "complete": True, "searched": 9, "recall": 0.993, "unseen": 0.0},
            "Complete An index was searched: 9 of 28 images were looked at; images less similar than those "
            "have no influence. The index finds 99.3% of the nearest.",
        ),
        (
            {"exact": False, "complete": False, "searched": 9, "recall": None, "unseen": 0.031},
            "Incomplete An index was searched: 9 of 28 images were looked at; the others could hold up to "
            "3.1% of the influence.",
        ),
        (
            {"exact": False, "complete": False, "pool_size": 31, "unseen": None},
            "Incomplete 28 of 31 images were compared; 3 have no vector, so nothing is known of how much "
            "they contributed.",
        ),
    ],
)
def test_the_completeness_of_an_answer_is_shown(page, home, changed, shown_text):
    page.route("**/v1/attribute", lambda route: route.fulfill(json=answer_of(home) | changed))
    page.goto(home + SAMPLE)
    shown(page)
    assert page.inner_text(".state") == shown_text


@pytest.mark.parametrize(
    ("changed", "shown_text"),
    [
        ({"alpha": 0.1, "attributed": False, "p_none": 0.31, "set_size": 20}, "None of these Up to 31.0% of"),
        ({"alpha": 0.1, "attributed": True, "p_none": 0.04, "set_size": None}, "Attributed Up to 4.0% of"),
    ],
)
def test_a_level_says_attributed_or_none_of_these(page, home, changed, shown_text):
    answer = answer_of(home) | changed
    rows = [row | {"in_set": row["rank"] <= 3} for row in answer["results"]]
    asked = []

    def respond(route):
        asked.append(route.request.post_data_json)
        route.fulfill(json=answer | {"results": rows})

    page.route("**/v1/attribute", respond)
    page.goto(home + SAMPLE + "&alpha=0.1")
    shown(page)
    assert asked[0]["alpha"] == 0.1
    assert page.inner_text(".verdict").startswith(shown_text)
    size = "unknown how many" if changed["set_size"] is None else "20"
    text = f"The set with at least 90.0% of the exemplars on average: {size} of 28 images, 3 of those below."
    assert text in page.inner_text("#result")
    assert shown_text.split(" Up")[0] in page.inner_text("#announcement")


def test_a_level_without_an_abstention_is_an_error_with_the_next_step(page, home):
    page.goto(home + SAMPLE)
    shown(page)
    assert page.locator(".verdict").count() == 0
    page.select_option("[name=alpha]", "0.1")
    page.wait_for_selector("#result .error")
    assert "no abstention was trained" in page.inner_text("#result")
    assert "ask without alpha" in page.inner_text("#result")  # no val models to train it on


def test_an_answer_is_saved_for_spreadsheets(page, home):
    rows = [row | {"creator": "=1+1"} for row in answer_of(home)["results"]]
    page.route("**/v1/attribute", lambda route: route.fulfill(json=answer_of(home) | {"results": rows}))
    page.goto(home + SAMPLE)
    shown(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith('"rank","influence","similarity","creator"')
    assert len(lines) == 13
    assert '"\'=1+1"' in lines[1]  # text, not a formula
    said = answer_of(home)
    for row in csv.DictReader(lines):
        assert (row["encoder"], row["mapper"], row["state"]) == (
            said["encoder"],
            said["mapper"],
            said["state"],
        )
        assert (row["store"], row["store_at"]) == (said["provenance"]["store"], said["provenance"]["at"])
        assert row["software"] == said["provenance"]["software"]
        assert row["limits"] == " ".join(said["limits"])


def test_the_last_answer_is_kept_while_another_view_is_shown(page, home):
    page.goto(home + SAMPLE)
    shown(page)
    page.get_by_role("link", name="Metrics").click()
    page.wait_for_selector("#metrics-body table")
    page.get_by_role("link", name="Ask", exact=True).click()
    assert len(shown(page)) == 12
    assert "sample=m0-s0" in page.evaluate("location.hash")
    page.get_by_role("button", name="New picture").click()
    page.wait_for_selector("#result .sample")
    assert page.evaluate("location.hash") == "#ask"
    page.go_back()
    assert len(shown(page)) == 12


def test_an_answer_is_announced_to_screen_readers(page, home):
    page.goto(home + SAMPLE)
    shown(page)
    assert re.fullmatch(
        r".*% of the influence .* in others\. all images compared The pool has 28 .*",
        page.text_content("[role=status]"),
    )
    page.goto(home + "#ask?sample=nothing")
    page.wait_for_selector("#result [role=alert] >> text=sample")


def test_an_image_that_is_only_referenced_says_so(page, home):
    reason = {"error": {"message": "the store only references this image", "hint": "", "status": 404}}
    page.route("**/v1/images/e0?size=*", lambda route: route.fulfill(status=404, json=reason))
    page.goto(home + SAMPLE)
    shown(page)
    alt = "Rank 1: picture e0, no picture: the store only references this image"
    page.wait_for_selector(f".hit img.gone[alt='{alt}']")
