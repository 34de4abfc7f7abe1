"""The page and its plots: alone, safe, the same every time."""

import re
import xml.etree.ElementTree as ET

import pytest
from attribase.query.report.render import escape_markdown, render_markdown, render_page
from attribase.query.report.svg import for_file

LOADING = {"src", "href", "xlink:href", "srcset", "data", "action", "poster", "background"}


def plots(content):
    return [plot for section in content.plots for plot in section.plots]


def test_page_loads_nothing_from_anywhere(published_content, reading):
    text = render_page(published_content)
    for tag, attributes in reading.Page(text).tags:
        assert tag not in ("script", "link", "iframe", "img", "object", "embed", "base")
        for name in LOADING & set(attributes):
            assert attributes[name].startswith("#"), (tag, name)
        assert not any(name.startswith("on") for name in attributes)
    assert "@import" not in text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))
    allowed = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= allowed


def test_ids_are_unique_in_a_page_and_all_that_are_used_are_there(published_content):
    text = render_page(published_content)
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', text)
    assert used
    assert set(used) <= set(ids)


def test_same_store_gives_same_bytes(as_published, contents, published_content):
    assert render_page(contents(as_published)) == render_page(published_content)


def test_figures_5_6_and_16_are_drawn_for_the_papers_cases(published_content):
    titles = [[plot.title for plot in section.plots] for section in published_content.plots]
    assert titles == [
        ["Concepts seen in training", "Concepts not seen in training"],
        ["observed_imagenet", "bamfg", "unobserved_imagenet", "artchive"],
        ["Objects", "Styles"],
    ]


def test_plots_are_well_formed_and_name_encoders_in_text(published_content):
    for plot in plots(published_content):
        words = "".join(ET.fromstring(for_file(plot.svg)).itertext())
        assert "clip" in words
        assert "dino" in words
        assert "published" in words


def test_a_store_without_runs_gets_the_published_numbers_and_says_so(fake_store, contents, reading):
    fake_store.publish()
    content = contents(fake_store)
    page = reading.Page(render_page(content))
    assert "Nothing has been measured in this store yet" in page.text
    assert "There are no runs in this store" in page.text
    assert len(plots(content)) == 8
    figures = {plot.name: plot.name for plot in plots(content)}
    assert "Nothing has been measured" in render_markdown(content, figures)


def test_a_store_without_anything_gets_a_page(fake_store, contents, reading):
    assert "There are no runs" in reading.Page(render_page(contents(fake_store))).text


NASTY = (
    "a<b>&\"c'",
    "x$\\alpha$y",
    "p|q`r*s_t",
    "<script>alert(1)</script>",
    "_hidden",
    "日本語",
    "https://x.test/",
)


@pytest.mark.parametrize("name", NASTY)
def test_names_come_out_as_they_are(name, fake_store, contents, reading):
    fake_store.publish()
    fake_store.case(name, "object", [name])
    for mapper in ("none", name):
        fake_store.measure(name, mapper, name, name, (0.1, 0.2, 0.3, 0.4))
    fake_store.gain(name, name, name, name, 0.1, 0.2, 0.05)
    content = contents(fake_store)
    page = reading.Page(render_page(content))
    cells = page.places()[f"{name}, {name}", name, name]
    assert [cell["value"] for cell in cells] == [0.1, 0.2, 0.3, 0.4]
    assert not any(tag == "script" for tag, _ in page.tags)
    markdown = render_markdown(content, {plot.name: "x.svg" for plot in plots(content)})
    assert "<" not in re.sub(r"&#8203;", "", markdown)
    (bars,) = [plot for plot in plots(content) if plot.title == name]
    drawn = "".join(ET.fromstring(for_file(bars.svg)).itertext())
    assert re.sub(r"\s", "", name)[:12] in re.sub(r"\s", "", drawn)


def test_markdown_cells_keep_their_columns(fake_store, contents, reading):
    fake_store.measure("a|b", "none", "c|d", "e|f", (0.1, 0.2, 0.3, 0.4))
    content = contents(fake_store)
    tables = reading.markdown_tables(render_markdown(content, {plot.name: "x" for plot in plots(content)}))
    assert tables["c|d, e|f"][2][:2] == ["a|b raw", "**0.100** (.080–.120)"]


def test_plain_text_is_no_link():
    assert "://" not in escape_markdown("https://example.test/x")


def test_a_long_name_is_cut_in_plots_but_whole_in_tables(fake_store, contents, reading):
    name = "an-encoder-" + "with-a-very-long-name-" * 3
    for case, kind in (("things", "object"), ("looks", "style")):
        fake_store.case(case, kind, ["gpt"])
        fake_store.measure(name, "none", case, "gpt", (0.1, 0.2, 0.3, 0.4))
    content = contents(fake_store)
    assert ("things, gpt", name, "raw") in reading.Page(render_page(content)).places()
    for plot in plots(content):
        assert name not in plot.svg
        assert "an-encoder-" in plot.svg
