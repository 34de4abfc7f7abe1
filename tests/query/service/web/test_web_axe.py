"""No view has anything that axe-core finds inaccessible, in light and dark, on a desktop and a phone."""

import httpx
import pytest

from .conftest import SAMPLE

VIEWS = {
    "": "#result .sample",
    SAMPLE: ".hit",
    "#browse": "#browse-list .sample",
    "#browse?kind=samples": "#browse-list .sample",
    "#image?id=e0": "#image-body .sample",
    "#find?text=red": "#find-list .sample",
    "#map?q=picture": "#map-chosen .sample",
    "#usage": "#usage-body table",
    "#metrics": "#metrics-body table",
    "#words": "#words-list dt",
}
STATES = {
    SAMPLE: (".hit", "#detail[open] img"),
    "#browse": ("#browse-fold:not([open]) summary", "#browse-filter select"),
    "#usage": ("#usage-month", "#usage-body .error"),
}
"""What is clicked in a view, and what shows then."""

SCHEMES = ("light", "dark")


@pytest.fixture
def asked_for_words(home):
    """Answers that only a store with an encoder of words has."""
    info = httpx.get(f"{home}v1/info").json() | {"text_encoders": ["words"], "evidence": "ab" * 32}
    rows = [row | {"rank": 1, "similarity": 0.5} for row in httpx.get(f"{home}v1/images").json()["images"]]
    found = {"results": rows, "exact": True, "searched": 28, "pool_size": 28, "encoder": "words"}

    def answer(context):
        context.route("**/v1/info", lambda route: route.fulfill(json=info))
        context.route("**/v1/similar?*", lambda route: route.fulfill(json=found))

    return answer


@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_nothing_in_any_view(browser, home, asked_for_words, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(viewport={"width": width, "height": 800})
    asked_for_words(context)
    page = context.new_page()
    page.set_default_timeout(60_000)

    def look(what):
        """Everything in dark, and in light what depends on colours."""
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            only = {"runOnly": ["color-contrast"]} if scheme == "light" else {}
            found = axe.run(page, options=only).response["violations"]
            nodes = [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found]
            assert nodes == [], (what, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, what

    for view, ready in VIEWS.items():
        page.goto("about:blank")
        page.goto(home + view)
        page.wait_for_selector(ready)
        look(view)
        clicked, shown = STATES.get(view, (None, None))
        if clicked and page.locator(clicked).count():
            page.locator(clicked).first.click()
            page.wait_for_selector(shown)
            look((view, clicked))
    context.close()
