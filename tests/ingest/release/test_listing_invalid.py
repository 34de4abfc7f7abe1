"""An index that is no JSON, or JSON of another shape."""

import gzip
import json

import pytest
from attribase.store.errors import DataError, InvalidInputError

from .corruption import INDEX, check_refused


@pytest.mark.parametrize(
    "data",
    [b"", b"[", b'[{"exemplar": ["a.jpg"}]', b"\xff\xfe[]", b"[" * 100_000, gzip.compress(b"[]" * 99)[:20]],
    ids=["empty", "open", "broken", "no text", "deep", "half a gzip"],
)
def test_broken_json_is_refused(copy, full, data):
    (copy.folder / INDEX).write_bytes(data)
    check_refused(copy.folder, [full], DataError, INDEX)


OTHER_SHAPES = {
    "an object": ({"models": []}, "the whole file is a dict, not a list"),
    "a number": (3, "the whole file is 3"),
    "no model": ([], "the whole file is a list"),
    "a list of paths": (["a.jpg"], "entry 0 is 'a.jpg', not an object"),
    "no exemplar": ([{"synth": {}}], "entry 0 has no 'exemplar'"),
    "no synth": ([{"exemplar": ["a.jpg"], "class_id": "a"}], "entry 0 has no 'synth'"),
    "an empty exemplar": ([{"exemplar": [], "synth": {}}], "entry 0, exemplar is empty"),
    "one exemplar for a list": ([{"exemplar": "a.jpg", "synth": {}}], "entry 0, exemplar is 'a.jpg'"),
    "an exemplar that is no path": ([{"exemplar": [None], "synth": {}}], "entry 0, exemplar[0] is None"),
    "half a character": ([{"exemplar": ["\ud800"], "synth": {}}], "entry 0, exemplar[0] is"),
    "a list of samples": ([{"exemplar": ["a"], "synth": ["b.png"]}], "entry 0, synth is a list"),
    "a sample for a list": (
        [{"exemplar": ["a"], "synth": {"gpt": "b.png"}}],
        "entry 0, synth, gpt is 'b.png'",
    ),
    "a sample that is no path": ([{"exemplar": ["a"], "synth": {"gpt": [1]}}], "entry 0, synth, gpt[0] is 1"),
    "a class that is no name": (
        [{"exemplar": ["a"], "synth": {}, "class_id": ["x"]}],
        "entry 0, class_id is a list",
    ),
    "a category that is no name": (
        [{"exemplar": ["a"], "synth": {}, "category": 1.5}],
        "entry 0, category is 1.5",
    ),
}


@pytest.mark.parametrize("name", OTHER_SHAPES)
def test_json_of_another_shape_is_refused(copy, full, name):
    data, says = OTHER_SHAPES[name]
    (copy.folder / INDEX).write_text(json.dumps(data))
    check_refused(copy.folder, [full], InvalidInputError, INDEX, says)


def test_two_indexes_of_one_case_are_refused(copy):
    (copy.folder / f"{INDEX}.gz").write_bytes(gzip.compress((copy.folder / INDEX).read_bytes()))
    check_refused(copy.folder, [], InvalidInputError, INDEX, f"{INDEX}.gz")
