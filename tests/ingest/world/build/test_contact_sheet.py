import io

import numpy as np
import pytest
from attribase.ingest.world.build.contact_sheet import customized_sheet, sheet
from attribase.store import NotFoundError, Store
from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def png(colour) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()


def colours(page, cell=64, gap=2):
    """The colour of the middle of each cell, row by row."""
    pixels = np.asarray(page)
    middles = pixels[cell // 2 :: cell + gap, cell // 2 :: cell + gap]
    return [[tuple(int(value) for value in pixel) for pixel in row] for row in middles]


def test_a_sheet_shows_rows_of_images_and_leaves_gaps_empty():
    page = sheet([[Image.new("RGB", (8, 8), RED), None, Image.new("RGB", (8, 8), BLUE)]], cell=16)
    assert colours(page, cell=16) == [[RED, WHITE, BLUE]]


def test_a_row_is_a_validation_models_exemplars_then_its_samples_by_scheme(tmp_path):
    store = Store.create(tmp_path / "store")
    store.upsert("images", [{"image_id": "e", "bytes": png(RED)}])
    common = {"method": "m", "concept_kind": "object", "exemplar_ids": ["e"]}
    splits = {"a": "val", "b": "test"}
    store.upsert("models", [common | {"model_id": model, "split": split} for model, split in splits.items()])
    drawn = [
        ("a1", "a", "media", BLUE),
        ("a2", "a", "gpt", GREEN),
        ("a3", "a", "gpt", GREEN),
        ("b1", "b", "gpt", RED),
    ]
    store.upsert(
        "samples",
        [{"sample_id": i, "model_id": m, "scheme": s, "bytes": png(colour)} for i, m, s, colour in drawn],
    )
    assert colours(customized_sheet(store, "object")) == [[RED, WHITE, GREEN, GREEN, WHITE, BLUE]]
    assert colours(customized_sheet(store, "object", samples=1)) == [[RED, WHITE, GREEN, WHITE, BLUE]]
    with pytest.raises(NotFoundError) as none:
        customized_sheet(store, "style")
    assert "demo" in none.value.hint
