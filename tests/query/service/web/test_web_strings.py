"""English is in strings.js alone: no script writes a text of its own, and views show no other."""

import json
import re

import pytest
from attribase.query.service.routes.site import WEB

from .conftest import SAMPLE

STRINGS = WEB / "strings.js"
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'|`((?:[^`\\]|\\.)*)`', re.DOTALL)
INSERTED = re.compile(r"\$\{(?:[^{}]|\{[^{}]*\})*\}")
WORDS = re.compile(r"[A-Z]?[a-z]{2,}[,.:]? [a-z]{2,}|^[A-Z][a-z]+[.…]?$")
NO_TEXT = re.compile(
    r"class: [^,{}]*$|rel: $|querySelector(?:All)?\($|closest\??\.?\($|matches\($|matchMedia\($|from $"
)
NAMES = {"Escape", "Enter", "Home", "End", "Files"}
"""Names of keys and of what is dragged."""
SQL = re.compile(r"\bis (not )?null\b|^from \w+ where ")


def literals(text):
    """(code before it, literal) of every string of a script."""
    text = re.sub(r"/\*.*?\*/", "", re.sub(r"(?m)(^|[\s;,{])//[^\n]*", r"\1", text), flags=re.DOTALL)
    for found in LITERAL.finditer(text):
        literal = next(part for part in found.groups() if part is not None)
        yield text[max(0, found.start() - 60) : found.start()], INSERTED.sub("", literal)


def test_no_other_script_holds_a_text():
    scripts = [path for path in WEB.glob("*.js") if path != STRINGS]
    assert len(scripts) > 15
    found = [
        (path.name, literal)
        for path in scripts
        for before, literal in literals(path.read_text(encoding="utf-8"))
        if WORDS.search(literal)
        and literal not in NAMES
        and not NO_TEXT.search(before)
        and not SQL.search(literal)
    ]
    assert found == []
    assert sum(bool(WORDS.search(one)) for _, one in literals(STRINGS.read_text(encoding="utf-8"))) > 100


def test_the_page_itself_holds_no_text_but_that_without_scripts():
    html = re.sub(
        r"<noscript>.*?</noscript>|<!--.*?-->|<title>.*?</title>", "", (WEB / "index.html").read_text()
    )
    assert re.findall(r">\s*([^<>\s][^<>]*?)\s*<", html) == ["·"]
    assert not re.search(r'\s(?:placeholder|title|aria-label)="', html)
    assert not re.search(r'\salt="[^"]', html)


MASK = """
const mask = (value) => {
  if (typeof value === "string") return value.replace(/[A-Za-z]/g, "\\u0436");
  if (typeof value === "function") return (...args) => mask(value(...args));
  if (Array.isArray(value)) return value.map(mask);
  if (value === null || typeof value !== "object" || (typeof Node !== "undefined" && value instanceof Node)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mask(one)]));
};
"""  # noqa: E501
SEEN = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    const shown = !parent.closest("noscript, script, pre") && parent.checkVisibility();
    if (shown) found.push(walk.currentNode.data);
  }
  for (const name of ["alt", "title", "aria-label", "placeholder"])
    for (const node of document.querySelectorAll(`[${name}]`))
      if (node.checkVisibility()) found.push(node.getAttribute(name));
  return found;
}"""
VIEWS = {
    SAMPLE: ".hit",
    "#ask?image=e0": ".hit",
    "#browse": "#browse-list .sample",
    "#browse?kind=samples": "#browse-list .sample",
    "#image?id=e0": "#image-body .sample",
    "#metrics": "#metrics-body .control",
    "#words": "#words-list dt",
}


@pytest.mark.parametrize("view", VIEWS)
def test_every_word_of_a_view_is_of_strings_or_of_the_store(page, home, view):
    """With the letters of strings.js replaced, only words that the service sent are left."""
    masked = STRINGS.read_text(encoding="utf-8").replace("export const TEXT = {", f"{MASK}const PLAIN = {{")
    masked += "\nexport const TEXT = mask(PLAIN);\n"
    page.route(
        "**/static/strings.js", lambda route: route.fulfill(body=masked, content_type="text/javascript")
    )
    sent = []
    page.on(
        "response",
        lambda answer: sent.append(answer) if "json" in answer.headers.get("content-type", "") else None,
    )
    page.goto(home + view)
    page.wait_for_selector(VIEWS[view])
    page.wait_for_load_state("networkidle")
    known = set(re.findall(r"[A-Za-z]{2,}", " ".join(json.dumps(one.json()) for one in sent)))
    known |= {"UTC", "ask"}  # the unit of a time; the name of a view in an address
    seen = set(re.findall(r"[A-Za-z]{2,}", " ".join(page.evaluate(SEEN))))
    assert seen - known == set()
    assert "ж" in page.inner_text("main")
