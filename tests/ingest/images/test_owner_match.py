"""A row is of one image or of none."""

import unicodedata

import pytest
from attribase.ingest.images import read_owners
from attribase.ingest.images.owner_match import match_exactly, match_paths


@pytest.fixture
def table(tmp_path):
    def write(*rows, column="file"):
        (tmp_path / "o.csv").write_text(
            f"{column},artist\n" + "".join(f"{name},{who}\n" for name, who in rows)
        )
        return read_owners(tmp_path / "o.csv")

    return write


def creators(matches):
    return {image: matches.table.row(row)["creator"] for image, row in matches.rows.items()}


def paths(*items):
    return {item: f"/data/photos/{item}" for item in items}


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("a.png", "a.png"),
        ("a.png", "sub/a.png"),
        ("sub/a.png", "sub/a.png"),
        ("sub\\a.png", "sub/a.png"),
        ("./sub/a.png", "sub/a.png"),
        ("photos/sub/a.png", "sub/a.png"),
        ("/data/photos/sub/a.png", "sub/a.png"),
        ("A.PNG", "a.png"),
        ("a", "a.png"),
        (unicodedata.normalize("NFC", "zoë.png"), unicodedata.normalize("NFD", "zoë.png")),
    ],
)
def test_a_name_is_of_the_image_whose_path_ends_with_it(table, name, item):
    assert creators(match_paths(table((name, "Ann")), paths(item, "sub/other.png"))) == {item: "Ann"}


@pytest.mark.parametrize(
    "name", ["b.png", "other/a.png", "/elsewhere/photos/sub/a.png", "xa.png", "a.jpg", "png"]
)
def test_a_name_that_no_path_ends_with_is_of_no_image(table, name):
    matches = match_paths(table((name, "Ann")), paths("sub/a.png"))
    assert matches.rows == {}
    assert any(name.replace("\\", "/") in line for line in matches.lines())


def test_a_name_of_two_images_is_of_neither_and_is_said(table):
    matches = match_paths(table(("a.png", "Ann"), ("c.png", "Cleo")), paths("x/a.png", "y/a.png", "c.png"))
    assert creators(matches) == {"c.png": "Cleo"}
    assert list(matches.ambiguous) == ["a.png"]
    assert any("it could be x/a.png, y/a.png" in line for line in matches.lines())


def test_where_a_table_has_paths_a_bare_name_is_of_the_top(table):
    rows = (("a.png", "Ann"), ("sub/a.png", "Bob"))
    assert creators(match_paths(table(*rows), paths("a.png", "sub/a.png"))) == {
        "a.png": "Ann",
        "sub/a.png": "Bob",
    }
    assert creators(match_paths(table(rows[0]), paths("a.png", "sub/a.png"))) == {}


def test_case_decides_only_between_names_that_differ_by_it(table):
    matches = match_paths(table(("A.png", "Ann"), ("a.png", "Bob")), paths("A.png", "a.png"))
    assert creators(matches) == {"A.png": "Ann", "a.png": "Bob"}


def test_two_rows_of_an_image_count_when_they_agree(table):
    matches = match_paths(
        table(("a.png", "Ann"), ("sub/a.png", "Ann"), ("b.png", "Bob"), ("b.png", "Eve")),
        paths("sub/a.png", "b.png"),
    )
    assert creators(matches) == {"sub/a.png": "Ann"}
    assert matches.ambiguous == {"b.png": ["row 3", "row 4"]}
    assert matches.used == {0, 1}


def test_hashes_match_in_any_case_and_contradictions_are_left_out(table):
    rows = (("AB" * 32, "Ann"), ("cd" * 32, "Bob"), ("CD" * 32, "Eve"))
    matches = match_exactly(table(*rows, column="sha256"))
    assert creators(matches) == {"ab" * 32: "Ann"}
    assert list(matches.ambiguous) == ["cd" * 32]
