"""An answer in a notebook."""

import re
from html.parser import HTMLParser

import numpy as np
from attribase.query import Request, Session, answer_all, attribute
from attribase.query.attribution.provenance import LIMITS
from attribase.runtime.encode import encode_pixels


def picture(seed):
    return encode_pixels(np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8))


class Balance(HTMLParser):
    """Fails on a tag that is closed in another order than it was opened."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, _attributes):
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(html):
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    return html


def test_a_cell_shows_the_question_and_the_results_with_bars_of_their_share(small):
    small.calibrate(0.1, 0.0)
    small.store.upsert("images", [{"image_id": "g001", "bytes": picture(1)}], update=True)
    small.store.upsert(
        "samples", [{"sample_id": "m0-s0", "model_id": "m0", "bytes": picture(2)}], update=True
    )
    answer = attribute(
        small.store.uri, "m0-s0", k=3, where="image_id in ('g001', 'e00', 'g003')", by="creator"
    )
    html = checked(answer._repr_html_())
    assert html.count("data:image/") == 2
    assert html.count("no picture stored") == 2
    bars = [float(text) for text in re.findall(r"(?<!-)width: ([0-9.]+)%", html)]
    assert bars == [round(100 * result.influence, 1) for result in answer.results]
    assert all((share.name or "unknown") in html for share in answer.shares)
    assert "all 3 images compared" in html


def test_a_cell_without_influence_gives_similarities_and_says_why(small):
    answer = attribute(small.store, "m0-s0", k=2)
    html = checked(answer._repr_html_())
    assert f"cosine {answer.results[0].similarity:.3f}" in html
    assert all(note in html for note in answer.notes)
    assert not re.search(r"(?<!-)width: [0-9.]+%", html)
    assert "The full bar" not in html
    assert all(limit in html for limit in LIMITS)
    assert answer.provenance.at in html


def test_a_cell_escapes_what_the_store_holds(small):
    small.store.upsert("images", [{"image_id": "g003", "creator": "<script>x</script>"}], update=True)
    html = attribute(small.store, "m0-s0", where="image_id = 'g003'")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_an_answer_without_details_has_no_pictures(small):
    request = Request(k=2, details=False)
    (answer,) = answer_all(Session(small.store).snapshot(), ["m0-s0"], request)
    assert answer.pictures is None
    assert "data:image/" not in checked(answer._repr_html_())
