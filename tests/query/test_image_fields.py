"""Fields of images: columns and fields of the metadata."""

import json

import pytest
from attribase.query.image_fields import read_field
from attribase.store import Store
from attribase.store.errors import UnknownFieldError


@pytest.fixture
def store(tmp_path):
    made = Store.create(tmp_path / "store")
    rows = [
        {"image_id": "a", "creator": "Ada", "metadata": json.dumps({"style": "x", 'a "b"': 1})},
        {"image_id": "b", "creator": None, "metadata": None},
    ]
    made.upsert("images", rows)
    return made


@pytest.mark.parametrize(
    ("name", "value"), [("creator", "Ada"), ("metadata.style", "x"), ('metadata.a "b"', "1")]
)
def test_a_field_has_a_value_or_null_for_every_image(store, name, value):
    field = read_field(store, name)
    assert dict(zip(field.image_ids.to_pylist(), field.values.to_pylist(), strict=True)) == {
        "a": value,
        "b": None,
    }


def test_a_field_that_no_image_has_names_those_there_are(store):
    with pytest.raises(UnknownFieldError, match=r"metadata\.size") as error:
        read_field(store, "metadata.size")
    assert "metadata.style" in error.value.hint
