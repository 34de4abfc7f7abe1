"""The map: its points, colours, search, lasso, keys, and a store without one."""

import httpx
import pytest

from .conftest import SAMPLE, shown


@pytest.fixture
def points(home):
    return httpx.get(f"{home}v1/map").json()["map"]["columns"]


def opened(page, home, query=""):
    page.goto(f"{home}#map{query}")
    page.wait_for_selector("#map-legend button")
    page.wait_for_timeout(200)  # a frame is drawn


def place_of(page, points, item):
    """Where an item is on the page: all points are in view, by the rules of scatter.js."""
    at = points["item_id"].index(item)
    box = page.locator("#map-canvas").bounding_box()
    size = "one => [one.clientWidth, one.clientHeight]"
    width, height = page.locator("#map-canvas").evaluate(size)
    (x0, x1), (y0, y1) = ((min(points[axis]), max(points[axis])) for axis in "xy")
    scale = min((width - 48) / (x1 - x0), (height - 48) / (y1 - y0))
    left, top = (width - (x0 + x1) * scale) / 2, (height + (y0 + y1) * scale) / 2
    return box["x"] + 1 + left + points["x"][at] * scale, box["y"] + 1 + top - points["y"][at] * scale


def test_the_map_of_the_service_is_that_of_the_store(home, pages_uri, points):
    from attribase.store import Store

    store = Store.open(pages_uri)
    stored = {row["item_id"]: row for row in store.read("map_points").to_pylist()}
    images = {row["image_id"]: row for row in store.read("images").to_pylist()}
    assert points["item_id"] == sorted(stored)
    for at, item in enumerate(points["item_id"]):
        assert points["x"][at] == pytest.approx(stored[item]["x"], abs=1e-4)
        assert points["kind"]["values"][points["kind"]["codes"][at]] == stored[item]["kind"]
        code = points["creator"]["codes"][at]
        creator = None if code < 0 else points["creator"]["values"][code]
        assert creator == images.get(item, {}).get("creator")
    few = httpx.get(f"{home}v1/map", params={"limit": 5}).json()["map"]
    assert (few["shown"], few["points"], len(few["columns"]["x"])) == (5, 34, 5)
    missing = httpx.get(f"{home}v1/map", params={"mapper": "other"})
    assert (missing.status_code, bool(missing.json()["error"]["hint"])) == (404, True)


def test_a_point_says_what_it_is_and_opens_its_page(page, home, points):
    opened(page, home)
    x, y = place_of(page, points, "g07")
    page.mouse.move(x, y)
    page.wait_for_selector("#map-at >> text=picture g07")
    page.mouse.click(x, y)
    page.locator("#map-chosen .sample >> text=picture g07").click()
    page.wait_for_selector("#image-body dl >> text=g07")


def test_a_lasso_gives_exactly_the_points_inside(page, home, points):
    opened(page, home)
    x, y = place_of(page, points, "g07")
    page.click("#map-lasso")
    corners = [(x - 14, y - 14), (x + 14, y - 14), (x + 14, y + 14), (x - 14, y + 14)]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        page.mouse.move(*corner)
    page.mouse.up()
    page.wait_for_selector("#map-chosen >> text=Chosen")
    inside = {
        item
        for item in points["item_id"]
        if abs(place_of(page, points, item)[0] - x) < 14 and abs(place_of(page, points, item)[1] - y) < 14
    }
    assert page.locator("#map-chosen .sample").count() == len(inside) >= 1
    assert "picture g07" in page.inner_text("#map-chosen")
    page.get_by_role("button", name="Choose none").click()
    assert page.locator("#map-chosen .sample").count() == 0


def test_a_search_chooses_and_its_sql_and_condition_are_right(page, home):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=home.rstrip("/"))
    opened(page, home, "?q=picture%20g0&colour=creator")
    page.wait_for_selector("#map-chosen >> text=10 points.")
    ids = [f"g0{number}" for number in range(10)]
    listed = ", ".join(f"'{one}'" for one in ids)
    for button, text in (
        ("Copy ids", "\n".join(ids)),
        ("Copy as SQL", f"from map_items where map_id = 'map' and item_id in ({listed})"),
        ("Copy as condition", f"image_id in ({listed})"),
    ):
        page.get_by_role("button", name=button).click()
        page.wait_for_function("text => navigator.clipboard.readText().then((now) => now === text)", arg=text)
    page.get_by_role("link", name="Browse these images").click()
    page.wait_for_selector("#browse-list >> text=1 to 10 of 10 images")


def test_colours_follow_the_last_answer_and_groups_are_hidden(page, home):
    page.goto(home + SAMPLE)
    shown(page)
    opened(page, home, "?colour=influence")
    names = page.locator("#map-legend button").all_inner_texts()
    assert names[-1] == "not in the answer (22)"
    assert sum(int(name.split("(")[1][:-1]) for name in names) == 34
    last = page.locator("#map-legend button").last
    last.click()
    assert page.locator("#map-legend button").last.get_attribute("aria-pressed") == "false"
    assert page.evaluate("document.activeElement.dataset.name") == "not in the answer"


def test_keys_move_and_zoom_the_map(page, home, points):
    opened(page, home)
    page.locator("#map-canvas").focus()  # may scroll
    x, y = place_of(page, points, "g07")
    page.keyboard.press("ArrowLeft")  # looks to the left: the points move to the right
    page.mouse.move(x + 60, y)
    page.wait_for_selector("#map-at >> text=picture g07")
    page.keyboard.press("0")
    page.mouse.move(x, y)
    page.mouse.move(x + 1, y)
    page.wait_for_selector("#map-at >> text=picture g07")


def test_a_store_without_a_map_says_how_to_make_one(page, home):
    page.route("**/v1/map*", lambda route: route.fulfill(json={"maps": [], "map": None}))
    page.goto(f"{home}#map")
    page.wait_for_selector("#map-said >> text=No map was made yet.")
    assert "attribase -s STORE query map" in page.inner_text("#map-said")
    assert page.locator("#map-stage").is_hidden()
