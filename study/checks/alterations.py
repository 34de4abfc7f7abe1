"""Known changes of a picture: crops, mirror, blur, colours, JPEG, silhouettes and outlines, by Pillow."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image, ImageFilter, ImageOps

from ...runtime.decode import PIXEL_LIMIT, decode_image
from ...store import InvalidInputError

PNG, JPEG = "PNG", "JPEG"

BLUR = 0.03
"""Radius of the Gaussian blur, as a share of the shorter side: 2 pixels of 64."""

HUE = 85
"""Of 256 steps around the circle of hues: 120 degrees, so that red becomes green."""

JPEG_QUALITY = 10

GROUND = 20
"""Levels of 255 that a pixel may differ from the border by and still be the ground of a drawing."""


@dataclass(frozen=True)
class Alteration:
    """One change of a picture.

    Attributes:
        name: as tables call it; with its strength, as a changed strength is another alteration.
        strength: what is done, for people.
        change: an RGB image to an RGB image.
        format: of the altered file.
        quality: of a JPEG file.
    """

    name: str
    strength: str
    change: Callable[[Image.Image], Image.Image]
    format: str = PNG
    quality: int | None = None

    def __call__(self, data: bytes, pixel_limit: int = PIXEL_LIMIT) -> bytes:
        """The bytes of a picture altered. Raises BadImageError where they are none."""
        changed = self.change(decode_image(data, pixel_limit))
        out = io.BytesIO()
        changed.save(out, self.format, **({} if self.quality is None else {"quality": self.quality}))
        return out.getvalue()


def crop_centre(side: float) -> Callable[[Image.Image], Image.Image]:
    """Keeps the middle: `side` of the width and of the height."""

    def change(image: Image.Image) -> Image.Image:
        width, height = (max(1, round(side * length)) for length in image.size)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        return image.crop((left, top, left + width, top + height))

    return change


def blur(image: Image.Image) -> Image.Image:
    """Gaussian blur of BLUR of the shorter side."""
    return image.filter(ImageFilter.GaussianBlur(BLUR * min(image.size)))


def turn_hue(image: Image.Image) -> Image.Image:
    """Turn every hue by HUE steps; saturation and brightness stay."""
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point([(at + HUE) % 256 for at in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def grey(image: Image.Image) -> Image.Image:
    """Brightness alone (ITU-R 601-2 luma)."""
    return image.convert("L").convert("RGB")


def silhouette(image: Image.Image) -> Image.Image:
    """Black where the picture differs from its border's median colour, white elsewhere."""
    import numpy as np

    pixels = np.asarray(image, np.float32)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    distance = np.abs(pixels - np.median(border, axis=0)).max(axis=2)
    return Image.fromarray(np.where(distance > GROUND, 0, 255).astype(np.uint8)).convert("RGB")


def outline(image: Image.Image) -> Image.Image:
    """Black lines on white where brightness changes: the edges, stretched to the whole range."""
    edges = image.convert("L").filter(ImageFilter.FIND_EDGES)
    inner = ImageOps.autocontrast(edges.crop((1, 1, max(2, edges.width - 1), max(2, edges.height - 1))))
    lines = Image.new("L", edges.size, 0)
    lines.paste(inner, (1, 1))  # FIND_EDGES leaves the outermost pixels as they are
    return ImageOps.invert(lines).convert("RGB")


COPIES: tuple[Alteration, ...] = (
    Alteration("unaltered", "the same pixels in a new PNG file", lambda image: image),
    Alteration("crop 49%", "the middle 70% of both sides: 49% of the area", crop_centre(0.7)),
    Alteration("crop 25%", "the middle half of both sides: 25% of the area", crop_centre(0.5)),
    Alteration("mirror", "left and right exchanged", ImageOps.mirror),
    Alteration("blur 3%", "Gaussian blur, its radius 3% of the shorter side", blur),
    Alteration("hue 120°", "every hue turned by 120 degrees", turn_hue),
    Alteration("grey", "brightness alone", grey),
    Alteration("JPEG 10", "JPEG of quality 10", lambda image: image, JPEG, JPEG_QUALITY),
)
"""What copies of training images are altered by."""

EXEMPLARS: tuple[Alteration, ...] = tuple(
    one for one in COPIES if one.name in ("crop 49%", "mirror", "hue 120°", "blur 3%")
)
"""What exemplars are altered by before models are customized on them."""

GLYPHS: tuple[Alteration, ...] = (
    Alteration("silhouette", "black where the picture differs from its border, white elsewhere", silhouette),
    Alteration("outline", "black lines on white where brightness changes", outline),
)
"""Pictures of another domain: black shapes and line drawings."""

ALTERATIONS: Mapping[str, Alteration] = MappingProxyType({one.name: one for one in (*COPIES, *GLYPHS)})
"""Every alteration by its name."""


def find_alteration(name: str) -> Alteration:
    """The alteration called `name`. Raises InvalidInputError that lists the known ones."""
    if name not in ALTERATIONS:
        raise InvalidInputError(
            f"there is no alteration {name!r}", hint=f"use one of {', '.join(ALTERATIONS)}"
        )
    return ALTERATIONS[name]
