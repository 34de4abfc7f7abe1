import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from attribase.runtime import Preprocessing, preprocess
from attribase.store.errors import InvalidInputError
from PIL import Image

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def picture(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", [(64, 64), (97, 41), (33, 120), (256, 300), (31, 31)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_it_equals_torchvision(size, interpolation):
    from torchvision import transforms

    mode = transforms.InterpolationMode(interpolation)
    expected = transforms.Compose(
        [
            transforms.Resize(37, mode),
            transforms.CenterCrop(32),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )(picture(*size))
    found = Preprocessing(32, 37, interpolation, MEAN, STD)(picture(*size))
    assert np.abs(found - expected.numpy()).max() < 1e-5


def test_without_resize_the_whole_picture_is_stretched():
    from torchvision import transforms

    expected = transforms.Resize((32, 32), transforms.InterpolationMode.BICUBIC)(picture(80, 20))
    assert np.array_equal(np.asarray(Preprocessing(32, None).crop(picture(80, 20))), np.asarray(expected))


def test_a_batch_is_its_images():
    how, images = Preprocessing(16, 18), [picture(20, 30), picture(64, 64)]
    assert np.array_equal(how.batch(images), np.stack([how(image) for image in images]))
    assert how.batch([]).shape == (0, 3, 16, 16)


def test_grey_images_work():
    assert Preprocessing(8, 8)(Image.new("L", (9, 9), 255)).shape == (3, 8, 8)


def test_a_very_long_picture_does_not_grow():
    """Resized whole, this one would be 4 gigapixels."""
    how = Preprocessing(224, 256)
    line = Image.new("RGB", (65_000, 1), (10, 20, 30))
    assert np.asarray(how.crop(line)).reshape(-1, 3).tolist() == [[10, 20, 30]] * (224 * 224)


THIN = """
import resource, sys
from attribase.runtime import Preprocessing
from PIL import Image
line = Image.new("RGB", (int(sys.argv[1]), int(sys.argv[2])), (10, 20, 30))
used = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (used + (64 << 20),) * 2)
for mode in ("shorter", "both", "longer"):
    for size in ((224, 256), (224, None)):
        square = Preprocessing(*size, mode=mode).crop(line)
        print(mode, square.size, (10, 20, 30) in [colour for _, colour in square.getcolors()])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
@pytest.mark.parametrize(
    "size", [(1, 25_000_000), (25_000_000, 1), (1, 4_000_000), (2, 12_000_000), (100, 250_000)]
)
def test_a_thin_picture_takes_little_memory(size):
    """Widened to 224 pixels before its rows are reduced, one of 1 x 25,000,000 pixels takes 22 GB."""
    command = [sys.executable, "-c", THIN, *map(str, size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == [
        f"{mode} (224, 224) True" for mode in ("shorter", "both", "longer") for _ in range(2)
    ]


@pytest.mark.parametrize("mode", ["shorter", "both"])
@pytest.mark.parametrize("size", [(3, 40_000), (20, 9000)])
def test_both_orders_of_passes_give_the_same_picture(monkeypatch, mode, size):
    how, image = Preprocessing(64, 72, "bilinear", mode=mode), picture(*size)
    monkeypatch.setattr(preprocess, "LONG_SIDE", 1000)
    one = np.asarray(how.crop(image), np.int16)
    monkeypatch.setattr(preprocess, "PASS_PIXELS", 1000)
    other = np.asarray(how.crop(image), np.int16)
    assert how.geometry(*size).oversized
    assert np.abs(one - other).max() <= 1


@pytest.mark.parametrize("mode", ["both", "longer", "shorter"])
@pytest.mark.parametrize("size", [(300, 500), (900, 40), (40, 900)])
def test_strips_give_the_same_picture(monkeypatch, mode, size):
    how, image = Preprocessing(64, 72, "bilinear", mode=mode), picture(*size)
    whole = np.asarray(how.crop(image), np.int16)
    monkeypatch.setattr(preprocess, "LONG_SIDE", 1)
    monkeypatch.setattr(preprocess, "STRIP_WEIGHTS", 200)
    assert how.geometry(*size).oversized
    assert np.abs(np.asarray(how.crop(image), np.int16) - whole).max() <= 1


def test_json_says_it_all():
    how = Preprocessing(224, 256, "bilinear", MEAN, STD)
    assert Preprocessing.from_json(how.to_json()) == how
    assert Preprocessing.from_json(Preprocessing(8, None).to_json()) == Preprocessing(8, None)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"size": 8}', '{"mean": [1], "std": [1, 1, 1], "size": 8, "resize": 8}']
)
def test_other_json_is_refused(text):
    with pytest.raises(InvalidInputError, match="preprocessing"):
        Preprocessing.from_json(text)


@pytest.mark.parametrize("fields", [(0, None), (32, 16), (8, 8, "guess")])
def test_impossible_settings_are_refused(fields):
    with pytest.raises(InvalidInputError):
        Preprocessing(*fields)


def test_stored_settings_without_profiles_ignore_them():
    """Those of encoders that were exported before profiles were converted."""
    how = Preprocessing(224, 256)
    assert how.profiles == "srgb"
    before = {name: value for name, value in json.loads(how.to_json()).items() if name != "profiles"}
    assert Preprocessing.from_json(json.dumps(before)) == replace(how, profiles="ignore")
