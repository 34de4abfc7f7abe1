"""Figures of pictures: which are shown, and what is found for them."""

import csv
import re

from .conftest import OUTSIDE


def asked(folder, name):
    """The pictures of a figure, in their order, and the rows of its file."""
    with (folder.report / f"figures/{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return list(dict.fromkeys(row["sample_id"] for row in rows)), rows


def test_pictures_from_elsewhere_are_those_of_no_model_and_no_check(with_more):
    store, folder = with_more
    shown, rows = asked(folder, "figure-9")
    assert shown == OUTSIDE[:6]
    assert asked(folder, "figure-14")[0] == OUTSIDE[6:]
    images = sorted(store.read("members")["image_id"].to_pylist())
    first = {
        row["sample_id"]: row["image_id"] for row in rows if (row["mapper"], row["rank"]) == ("none", "1")
    }
    assert first == dict(zip(shown, images, strict=False))  # each has the vector of one


def test_pictures_from_elsewhere_are_called_by_their_files(with_more):
    page = (with_more[1].report / "index.html").read_text()
    assert re.findall(r"<b>(outside-\d+\.png)</b>", page) == [f"{one}.png" for one in OUTSIDE]
