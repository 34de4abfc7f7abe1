"""The page of a pack, and its PDF."""

import base64
import builtins
import io
import json
import subprocess
import sys

import pytest
from attribase.packs.document import WITHOUT_PANGO, evidence_pdf
from attribase.packs.page import FIELDS, evidence_page
from attribase.query import attribute
from pypdf import PdfReader

from .conftest import SAMPLE, png

LOUD = "<script>alert(1)</script><img src=http://a.example/x>\N{RIGHT-TO-LEFT OVERRIDE}"


@pytest.fixture
def contents(pack):
    return json.loads((pack / "answer.json").read_text())


def test_question_answer_rights_certainty_and_how_to_verify_are_on_the_page(pack, contents, signer):
    page = (pack / "page.html").read_text()
    for text in (
        contents["asked"]["sha256"],
        "a cat",
        "the null share",
        "every image of the pool was compared",
        "no abstention was trained",
        "no interval of the influence of one image in one picture is known",
        "CC0",
        signer.describe()["fingerprint"],
        "The office",
        "This is no proof.",
        "attribase verify",
        contents["answer"]["results"][4]["image_id"],
    ):
        assert text in page, text
    assert page.count("<img ") == 6


def test_what_is_not_known_of_rights_is_said(pack):
    page = (pack / "page.html").read_text()
    assert page.count("rights holder, licence&#39;s text, reservation, source") == 5


def test_every_field_of_rights_that_is_known_is_shown(contents):
    contents["rights"][0] |= {field: f"the {field} of it" for field in FIELDS}
    page = evidence_page(contents, {})
    for field in FIELDS:
        assert f"the {field} of it" in page


def test_texts_of_images_and_questions_are_no_markup_and_stay_in_their_place(contents):
    for one in contents["answer"]["results"]:
        one["caption"] = LOUD
    contents["rights"] = [row | dict.fromkeys(FIELDS, LOUD) for row in contents["rights"]]
    contents["asked"] |= {"question": LOUD, "prompt": LOUD}
    contents["request"]["where"] = LOUD
    contents["store"]["name"] = contents["signer"]["name"] = LOUD
    page = evidence_page(contents, {0: ("png", png(1))})
    assert "<script" not in page
    assert "http://a.example/x>" not in page
    lines = page.partition("</title>")[2].splitlines()
    loose = [
        line
        for line in lines
        if "\N{RIGHT-TO-LEFT OVERRIDE}" in line and "<bdi>" not in line and "<code>" not in line
    ]
    assert not [line for line in loose if "alt=" not in line]


def test_a_page_fetches_nothing(contents):
    page = evidence_page(contents, {0: ("png", png(1)), 1: ("jpg", b"x")})
    assert "default-src 'none'" in page
    assert page.count("src=") == page.count('src="data:image/')
    assert "href=" not in page


def test_states_without_a_source_come_first(contents):
    contents["answer"] |= {
        "state": "none",
        "state_text": "none of these: up to 30% of pictures match as well",
    }
    contents["verdict"] = [contents["answer"]["state_text"], "the set with 90%"]
    page = evidence_page(contents, {})
    assert "<h1>None of these</h1>" in page
    assert page.count("30% of pictures match as well") == 1
    assert "The set with 90%." in page


def test_how_much_was_compared_and_an_interval_are_told(contents):
    contents["answer"] |= {"exact": False, "complete": False, "unseen": 0.2, "searched": 100, "recall": 0.987}
    contents["answer"]["evidence"]["line"] = "top image right in 24% of 25 test pictures"
    contents["interval"] = {"low": 0.115, "high": 0.434, "level": 0.95, "method": "Wilson"}
    page = evidence_page(contents, {})
    for text in (
        "up to 20% together",
        "99% of the best images",
        "12% to 43% (95%, Wilson)",
        "100 of the 226 images",
    ):
        assert text in page, text


def test_the_networks_of_a_composite_have_their_digests(contents):
    parts = [{"encoder": name, "dim": 4, "onnx_sha256": name * 32} for name in ("aa", "bb")]
    contents["features"]["encoder"] |= {"parts": json.dumps(parts), "onnx_sha256": None}
    page = evidence_page(contents, {})
    assert "aa" * 32 in page
    assert "bb" * 32 in page


def test_owners_are_listed_up_to_a_number(contents):
    share = {"name": None, "influence": 0.1, "images": 3, "owned": 0.2, "similarity": 0.5, "image_id": "x"}
    contents["answer"] |= {
        "by": "license",
        "shares": [share, *({**share, "name": f"L{n}"} for n in range(40))],
    }
    page = evidence_page(contents, {})
    assert "By licence" in page
    assert page.count("<tr><td><bdi>") == 25
    assert "and 16 more, in answer.json" in page


def test_the_pdf_is_the_page(pack):
    text = "".join(page.extract_text() for page in PdfReader(pack / "answer.pdf").pages)
    for words in ("16% of the influence", "How sure this is", "How to verify", "This is no proof."):
        assert words in " ".join(text.split())


def test_nothing_is_fetched_for_the_pdf(tmp_path, pictured):
    (tmp_path / "secret.png").write_bytes(png(1))
    inline = base64.b64encode(png(2)).decode()
    for source, images in ((f"file://{tmp_path}/secret.png", 0), (f"data:image/png;base64,{inline}", 1)):
        page = f'<img src="{source}"><p>shown</p>'
        data, _ = evidence_pdf(page, attribute(pictured.store, SAMPLE, k=1))
        assert len(PdfReader(io.BytesIO(data)).pages[0].images) == images


def test_without_pango_a_short_pdf_is_drawn_and_said(pictured, monkeypatch, tmp_path):
    real = builtins.__import__

    def fail(name, *rest, **more):
        if name.partition(".")[0] == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", fail)
    data, note = evidence_pdf("<p>page</p>", attribute(pictured.store, SAMPLE, k=1))
    assert note == WITHOUT_PANGO
    (tmp_path / "a.pdf").write_bytes(data)
    assert "This is no proof." in "".join(one.extract_text() for one in PdfReader(tmp_path / "a.pdf").pages)


def test_printing_leaves_torn_images_refused():
    """WeasyPrint, as it is imported, tells Pillow to take images that end too early, in the whole process."""
    code = (
        "from PIL import ImageFile\nfrom attribase.packs.document import evidence_pdf\n"
        "data, note = evidence_pdf('<p>page</p>', None)\n"
        "print(data[:5], note, ImageFile.LOAD_TRUNCATED_IMAGES)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "b'%PDF-' None False"


def test_packs_import_none_of_the_libraries_of_the_extra_until_they_are_needed():
    names = "('c2pa', 'weasyprint', 'rfc3161_client', 'reportlab')"
    code = f"import sys, attribase.packs\nprint([one for one in {names} if one in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
