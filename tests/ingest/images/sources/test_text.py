"""Text in any encoding, and values as JSON."""

import datetime
import decimal
import io
import json

import pytest
from attribase.ingest.images.sources.text import clean, decode_text, json_object, text_encoding

TEXT = "Ein gr\u00fcner Frosch"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-32"), "utf-32"),
        (TEXT.encode("latin-1"), "cp1252"),
    ],
)
def test_text_is_read_in_its_encoding(data, encoding):
    assert decode_text(data) == (TEXT, encoding)
    assert text_encoding(lambda: io.BytesIO(data)) == encoding


def test_a_character_cut_by_a_block_does_not_change_the_encoding():
    data = b"a" * ((1 << 20) - 1) + "\u00e9".encode()
    assert text_encoding(lambda: io.BytesIO(data)) == "utf-8"
    assert text_encoding(lambda: io.BytesIO(data[:-1])) == "cp1252"


def test_half_a_surrogate_pair_becomes_text_that_utf8_holds():
    assert clean("a\ud83d").encode("utf-8") == b"a?"
    assert clean("\U0001f600") == "\U0001f600"


def test_values_of_a_row_become_json_that_any_parser_reads():
    row = {
        "number": 3,
        "huge": 2**63,
        "nan": float("nan"),
        "nested": {"inner": float("inf"), "bytes": b"x", "kept": [1, None, "\ud800"]},
        "bytes": b"x",
        "none": None,
        "price": decimal.Decimal("1.50"),
        "at": datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.UTC),
    }
    found = json_object(row)
    assert found == {
        "number": 3,
        "huge": 2**63,
        "nested": {"kept": [1, None, "?"]},
        "price": "1.50",
        "at": "2020-01-02 03:00:00+00:00",
    }
    json.dumps(found, allow_nan=False).encode("utf-8")
