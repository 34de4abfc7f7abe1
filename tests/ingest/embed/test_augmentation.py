"""Strong views: DINO's parameters, compared with torchvision's transforms."""

import numpy as np
import pytest
from attribase.ingest.embed import augmentation as aug
from PIL import Image, ImageFilter

v1 = pytest.importorskip("torchvision.transforms")
functional = pytest.importorskip("torchvision.transforms.functional")


@pytest.fixture
def picture() -> Image.Image:
    rng = np.random.default_rng(3)
    return Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).resize((300, 200))


class Fixed:
    """Random numbers that are chosen: `uniform()` in turn, and names in the given order."""

    def __init__(self, *numbers: float, order: tuple[str, ...] = ()) -> None:
        self.numbers, self.order = list(numbers), order

    def uniform(self, *_):
        return self.numbers.pop(0)

    def permutation(self, _):
        return np.array(self.order)


@pytest.mark.parametrize("turns", [-0.1, -0.03, 0.0, 0.07, 0.1])
def test_the_hue_is_turned_as_torchvision_does(picture, turns):
    expected = functional.adjust_hue(picture, turns)
    assert np.array_equal(np.asarray(aug.turn_hue(picture, turns)), np.asarray(expected))


def test_colours_are_jittered_as_torchvision_does_in_the_order_drawn(picture):
    order = ("saturation", "hue", "brightness", "contrast")
    made = aug.jitter_colors(picture, Fixed(-0.15, 0.05, 0.3, -0.2, order=order))
    expected = functional.adjust_saturation(picture, 0.85)
    expected = functional.adjust_hue(expected, 0.05)
    expected = functional.adjust_contrast(functional.adjust_brightness(expected, 1.3), 0.8)
    assert np.array_equal(np.asarray(made), np.asarray(expected))


def test_the_ranges_are_those_of_torchvisions_jitter_with_dinos_arguments():
    theirs = v1.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)
    own = {name: (1 - width, 1 + width) for name, width in aug.JITTER.items()}
    own["hue"] = (-aug.JITTER["hue"], aug.JITTER["hue"])
    for name, given in own.items():
        assert given == pytest.approx(getattr(theirs, name))


def test_windows_are_distributed_as_random_resized_crops():
    """Means and extremes of share and shape, over many windows of a wide picture."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    rng, size, draws = np.random.default_rng(0), (400, 300), 1500
    image = torch.zeros(3, size[1], size[0])
    theirs = np.array(
        [v1.RandomResizedCrop.get_params(image, [0.4, 1.0], [3 / 4, 4 / 3]) for _ in range(draws)]
    )
    own = np.array([aug.strong_window(*size, rng) for _ in range(draws)])
    own_sides = np.stack([own[:, 3] - own[:, 1], own[:, 2] - own[:, 0]], 1)  # height, width
    for ours, official in ((own_sides, theirs[:, 2:]), (own[:, [1, 0]], theirs[:, :2])):
        assert ours.mean(0) == pytest.approx(official.mean(0), abs=4)
    for sides in (own_sides, theirs[:, 2:]):
        share, shape = sides.prod(1) / (400 * 300), sides[:, 1] / sides[:, 0]
        assert 0.39 < share.min() < 0.43
        assert 0.74 < shape.min() < 0.78
        assert 1.29 < shape.max() < 1.35


@pytest.mark.parametrize("size", [(500, 20), (20, 500), (1, 1), (1, 900)])
def test_a_picture_that_no_window_fits_has_the_largest_allowed_one_in_the_middle(size):
    left, top, right, bottom = aug.strong_window(*size, np.random.default_rng(0))
    assert left >= 0
    assert top >= 0
    assert left < right <= size[0]
    assert top < bottom <= size[1]
    assert abs((left + right) - size[0]) <= 1
    assert abs((top + bottom) - size[1]) <= 1


def test_even_views_are_blurred_and_odd_ones_solarized_at_dinos_rates(picture, monkeypatch):
    seen = {0: [], 1: []}
    monkeypatch.setattr(aug.ImageOps, "solarize", lambda image, _from: seen[view].append("s") or image)
    monkeypatch.setattr(aug.ImageFilter, "GaussianBlur", lambda _: seen[view].append("b") or ImageFilter.BLUR)
    small = picture.resize((30, 20))
    for view in (0, 1):
        rng = np.random.default_rng(view)
        for _ in range(600):
            aug.augment_strongly(small, rng, 16, view)
    assert seen[0].count("b") == 600
    assert seen[0].count("s") == 0
    assert seen[1].count("b") / 600 == pytest.approx(0.1, abs=0.04)
    assert seen[1].count("s") / 600 == pytest.approx(0.2, abs=0.05)


def test_a_view_is_made_of_its_steps_in_dinos_order(picture, monkeypatch):
    """Window, flip, no jitter, grey, blur, solarization; each by torchvision's or Pillow's own function."""
    monkeypatch.setattr(aug, "strong_window", lambda *_: (10, 20, 210, 180))
    made = aug.augment_strongly(picture, Fixed(0.1, 0.9, 0.1, 0.05, 1.5, 0.1), 112, view=1)
    expected = functional.resized_crop(picture, 20, 10, 160, 200, [112, 112], v1.InterpolationMode.BICUBIC)
    expected = functional.rgb_to_grayscale(functional.hflip(expected), 3)
    expected = functional.solarize(expected.filter(ImageFilter.GaussianBlur(0.75)), 128)
    assert np.array_equal(np.asarray(made), np.asarray(expected))


def test_equal_seed_item_and_number_give_equal_views(picture):
    def view(seed: int, item: str, number: int) -> bytes:
        return aug.augment_strongly(picture, aug.view_generator(seed, item, number), 32, number).tobytes()

    assert view(0, "a", 1) == view(0, "a", 1)
    assert len({view(0, "a", 1), view(1, "a", 1), view(0, "b", 1), view(0, "a", 3)}) == 4
