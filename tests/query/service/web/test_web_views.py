"""The other views of the page, its token, what is readable at every size, and that no other host is named."""

import re
import shutil

import httpx
import pytest
from attribase.store import Store

from ...text_tower import add_tower
from .conftest import SAMPLE, TOKEN, shown
from .world import DIM, served


def test_samples_are_browsed_and_asked_about(page, home):
    page.goto(home + "#samples")  # an address of before
    page.wait_for_selector("#browse-list .sample")
    assert page.locator("#browse-list .sample").count() == 6
    page.fill("#browse-filter [name=q]", "OF M1")
    page.wait_for_selector("#browse-list >> text=1 to 2 of 2 samples")
    assert page.evaluate("document.activeElement.name") == "q"
    page.fill("#browse-filter [name=q]", "")
    page.wait_for_selector("#browse-list >> text=1 to 6 of 6 samples")
    page.select_option("#browse-filter [name=split]", "=control")
    page.wait_for_selector("#browse-list >> text=1 to 2 of 2 samples")
    page.locator("#browse-list .sample").nth(0).click()
    shown(page)
    assert page.inner_text("#asked-name") == "V* number 0 of c0"


def test_images_are_found_by_words_where_an_encoder_takes_texts(page, home, browser, pages_uri, tmp_path):
    page.goto(home)
    page.wait_for_selector("#question")
    assert page.locator("#find-link").is_hidden()
    store = Store.open(shutil.copytree(pages_uri, tmp_path / "worded.store"))
    add_tower(store, store.read("encoders", ["encoder"])["encoder"][0].as_py(), DIM)
    with served(store.uri) as url:
        page = browser.new_page()  # of another address
        said = httpx.get(f"{url}v1/similar", params={"text": "red car", "k": 48}, timeout=60).json()
        page.goto(url)
        page.click("#find-link")
        page.fill("#find-form [name=text]", "red car")
        page.keyboard.press("Enter")
        page.wait_for_selector("#find-list .sample")
        captions = page.locator("#find-list .sample .line:not(.soft)").all_inner_texts()
        assert captions == [row["caption"] for row in said["results"]]
        assert said["results"] == sorted(said["results"], key=lambda row: -row["similarity"])
        assert page.inner_text("#find-list .badge") == "all images compared"
        page.go_back()
        assert page.locator("#find-list .sample").count() == 0
        assert httpx.get(f"{url}v1/similar", params={"text": " "}, timeout=60).status_code == 400


def test_the_metrics_are_those_of_the_service(page, home):
    rows = httpx.get(f"{home}v1/metrics", timeout=60).json()["rows"]
    page.goto(home + "#metrics")
    page.wait_for_selector("#metrics-body table")
    (row,) = [row for row in rows if row["split"] == "test"]
    cells = page.locator("#metrics-body tbody td").all_inner_texts()
    names = ("recall_10", "recall_5", "recall_100", "map")
    assert cells == ["raw", *(f"{row[name]:.3f}" for name in names), str(row["samples"])]
    page.wait_for_selector("#metrics-body .panels .control")
    assert page.locator("#metrics-body .panels .dot").count() == 1


def test_the_token_is_asked_for_and_stays_in_the_tab(browser, pages_uri):
    with served(pages_uri, TOKEN) as url:
        context = browser.new_context()
        page = context.new_page()
        page.goto(url + SAMPLE)
        page.fill("#token input", "not-this-one")
        page.keyboard.press("Enter")
        page.wait_for_selector("#token-wrong:not([hidden])")
        page.fill("#token input", TOKEN)
        page.keyboard.press("Enter")
        assert len(shown(page)) == 12
        page.wait_for_timeout(500)
        assert page.locator(".hit img").evaluate_all("all => all.every((img) => img.naturalWidth === 12)")
        kept = page.evaluate(
            "[sessionStorage, localStorage, document.cookie].map((one) => JSON.stringify(one))"
        )
        assert [TOKEN in text for text in kept] == [True, False, False]
        page.reload()
        assert len(shown(page)) == 12
        other_tab = context.new_page()
        other_tab.goto(url)
        other_tab.wait_for_selector("#token[open]")
        other_tab.keyboard.press("Escape")
        assert "asks for a token" in other_tab.inner_text("main .error")
        context.close()


DATA_PATHS = "all => all.map(one => one.dataset.path)"
VIEWS = (
    "",
    SAMPLE,
    "#words",
    "#browse",
    "#browse?kind=samples",
    "#image?id=e0",
    "#metrics",
    "#ask?sample=m0-s0&where=nothing",
)
READY = (
    "#result :is(.sample, .hit, .error), #browse-list .sample, #image-body .sample, #metrics-body table, "
    "#words-list dt"
)

CONTRAST = """() => {
  const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = (node) => { for (; node; node = node.parentElement) { const c = parse(getComputedStyle(node).backgroundColor); if (c[3] > 0) return c; } return [255, 255, 255, 1]; };
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()) || node.matches('input, select');
    if (!own || !node.checkVisibility() || node.disabled) continue;
    const style = getComputedStyle(node);
    const a = light(parse(node.namespaceURI.endsWith('svg') ? style.fill : style.color)), b = light(behind(node));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.push(`${node.tagName}.${node.className} ${node.textContent.slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return found;
}"""  # noqa: E501

NAMELESS = """() => [...document.querySelectorAll('button, input, select, a, summary, [role=img]')]
  .filter((node) => node.checkVisibility() && !(node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim()))
  .map((node) => node.outerHTML.slice(0, 80))
  .concat([...document.querySelectorAll('img:not([alt])')].map((node) => node.outerHTML))"""  # noqa: E501


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1600])
def test_every_view_is_readable_named_and_fits(browser, home, scheme, width):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    for view in VIEWS:
        page.goto("about:blank")
        page.goto(home + view)
        page.wait_for_selector(READY)
        assert page.evaluate(CONTRAST) == [], view
        assert page.evaluate(NAMELESS) == [], view
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    context.close()


def test_the_description_is_drawn_from_this_host_alone(page, home):
    paths = httpx.get(f"{home}openapi.json").json()["paths"]
    page.goto(home + "docs")
    page.wait_for_selector("#operations .opblock")
    assert set(page.locator(".opblock-summary-path").evaluate_all(DATA_PATHS)) == set(paths)
    page.locator(".opblock-summary").first.click()
    page.wait_for_selector(".opblock-body >> text=Request body")


def test_no_file_of_the_page_names_another_host_or_holds_inline_code():
    from attribase.query.service.routes.site import WEB

    files = [path for path in WEB.iterdir() if path.suffix in (".html", ".js", ".css", ".svg")]
    assert len(files) > 10
    for path in files:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(
            r"https?://|//cdn|@import|innerHTML|eval\(", text.replace("/^https?:\\/\\//", "")
        ), path
        most = 400 if path.name == "strings.js" else 250  # that one is data
        assert len(text.splitlines()) < most, path
    html = (WEB / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=", html)
