"""Cells of tables as pictures and texts."""

import base64

import pytest
from attribase.ingest.images import Unreadable
from attribase.ingest.images.sources.cells import (
    TEXTS,
    holds_picture,
    is_url,
    parts_of,
    pictures_of,
    text_of,
    with_names,
)


def test_every_way_to_write_a_picture_gives_its_bytes(make_picture):
    data = make_picture(1)
    plain = base64.b64encode(data).decode()
    urlsafe = base64.urlsafe_b64encode(data).decode().rstrip("=")
    wrapped = "\n".join(plain[start : start + 76] for start in range(0, len(plain), 76))
    cells = [
        *(data, bytearray(data), memoryview(data), list(data), {"bytes": data, "path": "a.png"}),
        *(plain, urlsafe, wrapped, plain.encode(), f"data:image/png;base64,{plain}", {"bytes": plain}),
        {"bytes": list(data), "path": None},
    ]
    assert all(pictures_of(cell) == [data] for cell in cells)
    assert all(holds_picture(cell) for cell in cells)


def test_lists_hold_several_pictures(make_picture):
    first, second = make_picture(1), make_picture(2)
    assert pictures_of([first, second]) == [first, second]
    assert pictures_of([{"bytes": first, "path": "a"}, {"bytes": None, "path": "b.png"}]) == [first, "b.png"]


def test_no_picture_is_no_cell_and_damaged_base64_says_so(make_picture):
    assert [pictures_of(cell) for cell in (None, "", [], {"bytes": None, "path": None})] == [[]] * 4
    (damaged,) = pictures_of(base64.b64encode(make_picture(1)).decode()[:-40] + "!!!")
    assert isinstance(damaged, Unreadable)
    assert damaged.reason == "bad-base64"
    (number,) = pictures_of(3.5)
    assert number.reason == "not-an-image"


def test_texts_are_not_taken_for_base64():
    texts = ["a/b/c.png", "x" * 200, "iVBORw0KGgo", "https://e.x/" + "a" * 80]
    assert [pictures_of(text) for text in texts] == [[text] for text in texts]


@pytest.mark.parametrize(
    ("text", "url"), [("https://e.x/a", True), ("s3://b/a", True), ("file:///a", False), ("C:\\a.png", False)]
)
def test_urls_are_told_from_paths(text, url):
    assert is_url(text) is url


def test_class_numbers_become_names_and_lists_count_by_their_first():
    names = ["cat", "dog"]
    assert [with_names(value, names) for value in (0, 1, -1, 7, None, "cat")] == [
        "cat",
        "dog",
        None,
        7,
        None,
        "cat",
    ]
    assert text_of([None, "", "b", "c"]) == "b"
    assert text_of({"en": "a frog", "de": "ein Frosch"}) == "a frog"
    row = {"label": [1, 0], "captions": ["one", "two"], "fine": 0, "image": b"x", "n": 4}
    columns = {"image": "image", "uri": None, "caption": "captions", "category": "label"}
    texts, metadata = parts_of(row, columns, {"label": names, "fine": names})
    assert {name: text for name, text in texts.items() if text} == {"caption": "one", "category": "dog"}
    assert set(texts) == set(TEXTS)
    assert metadata == {"label": ["dog", "cat"], "captions": ["one", "two"], "fine": "cat", "n": 4}


def test_arrays_of_raw_pixels_are_refused_as_one_picture():
    (found,) = pictures_of([[[0, 128, 255], [1, 2, 3]], [[4, 5, 6], [7, 8, 9]]])
    assert found.reason == "not-an-image"
    assert found.remedy
