"""No view has anything that axe-core finds inaccessible, in light and dark, on a desktop and a phone."""

import pytest

from .conftest import SAMPLE

VIEWS = {
    "": "#result .sample",
    SAMPLE: ".hit",
    "#browse": "#browse-list .sample",
    "#browse?kind=samples": "#browse-list .sample",
    "#image?id=e0": "#image-body .sample",
    "#map?q=picture": "#map-chosen .sample",
    "#usage": "#usage-body table",
    "#metrics": "#metrics-body table",
    "#words": "#words-list dt",
}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 360)])
def test_axe_finds_nothing_in_any_view(browser, home, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(60_000)
    for view, ready in VIEWS.items():
        page.goto("about:blank")
        page.goto(home + view)
        page.wait_for_selector(ready)
        found = axe.run(page).response["violations"]
        assert [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found] == [], view
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    context.close()
