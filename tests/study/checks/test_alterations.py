import io

import numpy as np
import pytest
from attribase.store import InvalidInputError
from attribase.study.checks.alterations import ALTERATIONS, COPIES, find_alteration
from PIL import Image


def altered(image: Image.Image, name: str) -> np.ndarray:
    out = io.BytesIO()
    image.save(out, "PNG")
    return np.asarray(Image.open(io.BytesIO(ALTERATIONS[name](out.getvalue()))))


def patches() -> Image.Image:
    """A red square in the left half of a white picture."""
    pixels = np.full((40, 60, 3), 255, np.uint8)
    pixels[10:30, 10:30] = (255, 0, 0)
    return Image.fromarray(pixels)


def test_an_unaltered_copy_has_the_same_pixels_and_a_mirrored_one_them_in_reverse():
    pixels = np.asarray(patches())
    assert (altered(patches(), "unaltered") == pixels).all()
    assert (altered(patches(), "mirror") == pixels[:, ::-1]).all()


@pytest.mark.parametrize(("name", "side"), [("crop 49%", 0.7), ("crop 25%", 0.5)])
def test_a_crop_is_the_middle_of_the_picture(name, side):
    pixels, cropped = np.asarray(patches()), altered(patches(), name)
    height, width = cropped.shape[:2]
    assert (height, width) == (round(40 * side), round(60 * side))
    top, left = (40 - height) // 2, (60 - width) // 2
    assert (cropped == pixels[top : top + height, left : left + width]).all()


def test_a_third_of_the_circle_turns_red_into_green_and_leaves_white():
    turned = altered(patches(), "hue 120°")
    red, green, blue = turned[20, 20]
    assert green > 250
    assert red < 10
    assert blue < 10
    assert (turned[0, 0] == 255).all()


def test_grey_has_three_equal_channels_and_a_blur_smaller_steps():
    grey = altered(patches(), "grey")
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 0] == grey[..., 2]).all()
    steps = [
        np.abs(np.diff(altered(patches(), name)[20, :, 1].astype(int))).max()
        for name in ("unaltered", "blur 3%")
    ]
    assert steps[0] == 255
    assert 20 < steps[1] < 150


def test_jpeg_of_quality_10_is_a_jpeg_file_that_is_not_the_same_picture():
    out = io.BytesIO()
    patches().save(out, "PNG")
    data = ALTERATIONS["JPEG 10"](out.getvalue())
    assert Image.open(io.BytesIO(data)).format == "JPEG"
    assert (np.asarray(Image.open(io.BytesIO(data))) != np.asarray(patches())).any()


def test_a_silhouette_is_black_where_the_drawing_is_and_an_outline_at_its_edge():
    shape, lines = altered(patches(), "silhouette"), altered(patches(), "outline")
    inside = np.zeros((40, 60), bool)
    inside[10:30, 10:30] = True
    assert ((shape[..., 0] == 0) == inside).all()
    assert lines[9, 20, 0] < 60
    assert lines[20, 20, 0] == 255
    assert lines[2, 2, 0] == 255


def test_the_same_picture_altered_again_is_the_same_file():
    out = io.BytesIO()
    patches().save(out, "PNG")
    for one in ALTERATIONS.values():
        assert one(out.getvalue()) == one(out.getvalue()), one.name


def test_names_are_known_and_others_listed():
    assert find_alteration("mirror") in COPIES
    with pytest.raises(InvalidInputError, match="no alteration 'twist'") as error:
        find_alteration("twist")
    assert "mirror" in error.value.hint
