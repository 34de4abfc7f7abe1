"""How a view differs from its picture: mildly (flip and crop), or strongly, as DINO was trained.

Every choice follows from one generator of random numbers, so a view is the same wherever it is made.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from ...runtime.decode import crop_image

AREA = (0.7, 1.0)
"""Share of the picture that a mild crop keeps."""
RATIO = (0.9, 1.1)
"""Width / height of a mild crop, relative to the picture's."""

STRONG_AREA = (0.4, 1.0)
"""Share of the picture that a strong crop keeps: DINO's global crops."""
STRONG_RATIO = (3 / 4, 4 / 3)
"""Width / height of a strong crop, before it becomes a square: RandomResizedCrop's."""
JITTER, JITTER_SHARE = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1}, 0.8
"""ColorJitter's ranges around 1, of the hue around 0 turns; and how many views have it."""
GREY_SHARE = 0.2
"""How many views are without colour."""
BLUR_RADIUS, BLUR_SIZE = (0.1, 2.0), 224
"""Standard deviation of the blur in pixels, in a picture of so many a side; of others in proportion."""
BLUR_SHARES, SOLARIZE_SHARES = (1.0, 0.1), (0.0, 0.2)
"""How many views are blurred and solarized, of even and of odd number: DINO's two global views."""
SOLARIZE_FROM = 128
"""Values from here on are inverted."""
_TRIES = 10
_ENHANCERS = {
    "brightness": ImageEnhance.Brightness,
    "contrast": ImageEnhance.Contrast,
    "saturation": ImageEnhance.Color,
}


def view_generator(seed: int, item: str, view: int) -> np.random.Generator:
    """The random numbers of one view: the same whatever else is embedded, in whatever order."""
    digest = hashlib.sha256(f"{seed}/{item}/{view}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def augment_mildly(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Flip or not, then keep a random window: `AREA` of the image, its shape within `RATIO`."""
    area = rng.uniform(*AREA)
    stretch = math.exp(rng.uniform(math.log(RATIO[0]), math.log(RATIO[1])))
    across, down, flip = rng.uniform(), rng.uniform(), rng.uniform() < 0.5
    width = min(image.width, max(1, round(image.width * math.sqrt(area * stretch))))
    height = min(image.height, max(1, round(image.height * math.sqrt(area / stretch))))
    left, top = round(across * (image.width - width)), round(down * (image.height - height))
    window = crop_image(image, (left, top, left + width, top + height))
    return ImageOps.mirror(window) if flip else window


def augment_strongly(image: Image.Image, rng: np.random.Generator, size: int, view: int) -> Image.Image:
    """An RGB square of `size` pixels a side: window, flip, colours, blur and solarization, in this order.

    Args:
        image: RGB, of any size.
        rng: decides everything but what even and odd views differ in.
        size: of the encoder's input, which it is not cropped or resized to again.
        view: the view's number; even ones are as DINO's first global view, odd ones as its second.

    Source: arXiv:2104.14294, without local crops ("multi-crop"); arXiv:2306.09345, appendix B.2. The steps
    are Pillow's, as in torchvision for pictures of Pillow.
    """
    window = crop_image(image, strong_window(image.width, image.height, rng))
    square = window.resize((size, size), Image.Resampling.BICUBIC)
    if rng.uniform() < 0.5:
        square = ImageOps.mirror(square)
    if rng.uniform() < JITTER_SHARE:
        square = jitter_colors(square, rng)
    if rng.uniform() < GREY_SHARE:
        square = square.convert("L").convert("RGB")
    if rng.uniform() < BLUR_SHARES[view % 2]:
        square = square.filter(ImageFilter.GaussianBlur(rng.uniform(*BLUR_RADIUS) * size / BLUR_SIZE))
    if rng.uniform() < SOLARIZE_SHARES[view % 2]:
        square = ImageOps.solarize(square, SOLARIZE_FROM)
    return square


def strong_window(width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """The window (left, top, right, bottom) of RandomResizedCrop in a picture of `width` x `height`.

    Its share is within STRONG_AREA and its shape within STRONG_RATIO; where none of ten tries fits into the
    picture, the largest window in the middle that has an allowed shape.
    """
    for _ in range(_TRIES):
        area = width * height * rng.uniform(*STRONG_AREA)
        ratio = math.exp(rng.uniform(math.log(STRONG_RATIO[0]), math.log(STRONG_RATIO[1])))
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            left, top = (int(rng.integers(0, spare + 1)) for spare in (width - across, height - down))
            return left, top, left + across, top + down
    across = min(width, max(1, round(height * STRONG_RATIO[1])))
    down = min(height, max(1, round(width / STRONG_RATIO[0])))
    left, top = (width - across) // 2, (height - down) // 2
    return left, top, left + across, top + down


def jitter_colors(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Change brightness, contrast, saturation and hue in random order, within JITTER."""
    for name in rng.permutation(list(JITTER)).tolist():
        change = rng.uniform(-JITTER[name], JITTER[name])
        image = turn_hue(image, change) if name == "hue" else _ENHANCERS[name](image).enhance(1 + change)
    return image


def turn_hue(image: Image.Image, turns: float) -> Image.Image:
    """The hue of an RGB picture moved by `turns` of the colour circle, from -0.5 to 0.5."""
    hue, saturation, value = image.convert("HSV").split()
    moved = hue.point([(level + int(turns * 255)) % 256 for level in range(256)])
    return Image.merge("HSV", (moved, saturation, value)).convert("RGB")
