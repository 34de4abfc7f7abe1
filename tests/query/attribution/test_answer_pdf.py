"""Answers as PDF: what another program reads from the pages."""

import io

import pytest
from attribase.query.attribution.answer_document import (
    AnswerDocument,
    AnswerPart,
    OwnersTable,
    Picture,
    ShownImage,
)
from attribase.query.attribution.answer_pdf import write_answer_pdf
from PIL import Image

FOOTER = ("This is no proof.", "Asked 2026-01-02T03:04:05Z, store my.store at before, " + "a long name " * 20)


def picture(colour):
    out = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, "PNG")
    return Picture(out.getvalue(), "png")


def part(question, images=3, caption="a cup"):
    shown = tuple(
        ShownImage(f"id{at}", picture("red"), f"{50 - at}%", 0.5, caption, ("Müller, CC0",))
        for at in range(images)
    )
    owners = OwnersTable("licence", ("licence", "influence"), (("CC0", "50%"),), (0.5,), "and 2 more")
    return AnswerPart(
        question, "50% of it", ("Weak evidence.",), picture("blue"), shown, ("note",), (owners,)
    )


def read(*parts):
    pypdf = pytest.importorskip("pypdf")
    out = io.BytesIO()
    write_answer_pdf(AnswerDocument("title", parts, {"store": "my.store at before"}, FOOTER), out)
    return pypdf.PdfReader(io.BytesIO(out.getvalue())).pages


def test_each_question_begins_a_page_with_its_verdict_pictures_and_owners():
    pages = read(part("first.png"), part("second.png"), part("third.png"))
    assert len(pages) == 3
    for page, name in zip(pages, ("first", "second", "third"), strict=True):
        text = page.extract_text()
        places = [
            text.index(one) for one in (f"{name}.png", "50% of it", "Weak evidence", "48%", "By licence")
        ]
        assert places == sorted(places)
        assert {image.image.size for image in page.images} == {(40, 30)}
    assert "store: my.store at before" in pages[-1].extract_text()


def test_every_page_has_the_limits_and_the_source_whole_in_its_footer():
    pages = read(part("first.png", images=30))
    assert len(pages) > 1
    for page in pages:
        text = " ".join(page.extract_text().split())
        assert FOOTER[0] in text
        assert FOOTER[1].strip() in text


def test_a_caption_longer_than_a_page_is_cut_and_letters_without_a_glyph_are_named():
    pages = read(part("日本.png", images=2, caption="ein langer Satz " * 2_000))
    assert len(pages) == 1
    text = " ".join(pages[0].extract_text().split())
    assert "2 different characters" in text
    assert text.count("ein langer Satz") < 60
