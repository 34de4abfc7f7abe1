"""Names of files as items and uris."""

import os
from pathlib import Path

import pytest
from attribase.ingest.images.sources.names import (
    ending_of,
    item_of,
    local_path,
    path_of,
    readable_name,
    stem_of,
    uri_of,
)

LATIN = os.fsdecode(b"caf\xe9.png")


@pytest.mark.parametrize(
    "path", ["a.png", "caf\u00e9.png", "caf%E9.png", LATIN, "./a.png", f"x/{LATIN}", "./%41"]
)
def test_an_item_leads_back_to_its_path_and_is_utf8(path):
    assert path_of(item_of(path)) == path
    item_of(path).encode("utf-8")


def test_a_name_that_is_no_utf8_is_not_taken_for_its_escaped_form():
    assert item_of(LATIN) == "./caf%E9.png"
    assert item_of("caf%E9.png") == "caf%E9.png"


def test_uris_are_paths_or_file_uris_that_lead_back():
    assert uri_of(Path("/x/a b.png")) == "/x/a b.png"
    assert uri_of(Path("/x") / LATIN) == "file:///x/caf%E9.png"
    assert local_path("file:///x/caf%E9.png") == f"/x/{LATIN}"
    assert local_path("file://localhost/x/a%20b.png") == "/x/a b.png"


def test_names_have_a_readable_form_an_ending_and_a_stem():
    assert readable_name(LATIN) == "caf\u00e9.png"
    assert [ending_of(name) for name in ("a.PNG", "x.y/a", "a.tar.gz", "a.")] == ["png", "", "gz", ""]
    assert [stem_of(name) for name in ("x.y/a", "x/a.b.png")] == ["x.y/a", "x/a.b"]
