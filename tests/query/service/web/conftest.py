"""A browser, a tab that must stay out of trouble, and the service that the page comes from."""

import shutil
from urllib.parse import urlsplit

import httpx
import pytest

from .world import Pixels, fill, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TOKEN = "a-token-of-tests"
SAMPLE = "#ask?sample=m0-s0"


@pytest.fixture(scope="session")
def pages_uri(tmp_path_factory):
    return fill(str(tmp_path_factory.mktemp("page") / "page.store"))


@pytest.fixture(scope="module")  # undone before other tests look at the runtime
def home(pages_uri):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attribase.runtime.load_encoder", lambda *_, **__: Pixels())
        with served(pages_uri) as url:
            yield url


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A fresh tab. Whatever the test does, nothing fails in it and nothing comes from another host."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(60_000)  # other tests may keep the machine busy
    troubles, hosts = [], set()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if "Content Security" in said.text else None)
    page.on("request", lambda asked: hosts.add(urlsplit(asked.url).netloc))
    yield page
    context.close()
    assert troubles == []
    hosts.discard("")  # blob: and data: have none
    assert len(hosts) == 1
    assert hosts.pop().startswith("127.0.0.1:")


def answer_of(home, **asked):
    response = httpx.post(f"{home}v1/attribute", json={"sample": "m0-s0", "k": 12, **asked}, timeout=30)
    return response.json()


def shown(page):
    """What the pictures of the answer say, in order."""
    page.wait_for_selector("#result[aria-busy=false] .hit")
    hits = "all => all.map(one => [one.querySelector('img').alt, ...one.innerText.split('\\n')].join(', '))"
    return page.locator(".hit").evaluate_all(hits)


def expected_label(row):
    share = 100 * row["influence"]
    return f"Rank {row['rank']}: {row['caption']}, {share:.{1 if share >= 1 else 2}f}%, "
