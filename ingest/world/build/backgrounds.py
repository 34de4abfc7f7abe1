"""Backgrounds that captions name: plain colours, scenes and patterns, and compositing an icon over them.

An icon is an `Rgba`, float32 (size, size, 4) in [0, 1] with straight alpha; a background is an opaque `Rgb`,
float32 (size, size, 3). Backgrounds are procedural: no image other than the icons enters the world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Rgba = npt.NDArray[np.float32]
Rgb = npt.NDArray[np.float32]
Rng = np.random.Generator

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (226, 74, 74),
    "orange": (250, 160, 70),
    "yellow": (250, 218, 94),
    "green": (96, 190, 104),
    "blue": (84, 144, 236),
    "purple": (160, 112, 212),
    "pink": (250, 172, 202),
    "gray": (172, 174, 180),
    "black": (30, 30, 34),
    "brown": (142, 98, 66),
}


def plain_background(name: str, size: int) -> Rgb:
    """A background of one of COLOURS."""
    return np.full((size, size, 3), np.array(COLOURS[name]) / 255, np.float32)


def composite(icon: Rgba, background: Rgb) -> Rgb:
    """Blend the icon over an opaque background."""
    alpha = icon[..., 3:]
    return (icon[..., :3] * alpha + background * (1 - alpha)).astype(np.float32)


def _bands(size: int, stops: list[tuple[float, tuple[int, int, int]]]) -> Rgb:
    """Vertical gradient through (height in [0, 1], colour) stops, (size, size, 3)."""
    y = (np.arange(size) + 0.5) / size
    heights = [h for h, _ in stops]
    columns = [np.interp(y, heights, [c[k] / 255 for _, c in stops]) for k in range(3)]
    return np.broadcast_to(np.stack(columns, -1)[:, None], (size, size, 3)).astype(np.float32).copy()


def _add_stars(image: Rgb, rng: Rng, share: float) -> Rgb:
    """Make a share of the pixels bright, in place."""
    spots = rng.random(image.shape[:2]) < share
    image[spots] = 1.0 - 0.25 * rng.random((int(spots.sum()), 1)).astype(np.float32)
    return image


def _add_disc(image: Rgb, x: float, y: float, radius: float, tint: tuple[int, int, int]) -> Rgb:
    """Paint a disc with a soft edge; x, y and radius are shares of the size."""
    size = image.shape[0]
    yy, xx = (np.mgrid[:size, :size] + 0.5) / size
    cover = np.clip((radius - np.hypot(xx - x, yy - y)) * size + 0.5, 0, 1)[..., None]
    painted: Rgb = (image * (1 - cover) + np.array(tint, np.float32) / 255 * cover).astype(np.float32)
    return painted


def _night(size: int, rng: Rng) -> Rgb:
    image = _add_stars(_bands(size, [(0, (14, 20, 60)), (1, (52, 62, 120))]), rng, 0.02)
    return _add_disc(image, rng.uniform(0.1, 0.9), 0.14, 0.09, (255, 246, 200))


def _meadow(size: int, rng: Rng) -> Rgb:
    line = rng.uniform(0.5, 0.68)
    return _bands(
        size,
        [(0, (120, 190, 250)), (line, (190, 226, 255)), (line + 0.02, (120, 200, 90)), (1, (70, 160, 60))],
    )


def _beach(size: int, rng: Rng) -> Rgb:
    line = rng.uniform(0.4, 0.5)
    return _bands(
        size,
        [
            (0, (140, 205, 250)),
            (line, (200, 232, 255)),
            (line + 0.02, (50, 150, 210)),
            (line + 0.2, (80, 190, 220)),
            (line + 0.24, (244, 220, 160)),
            (1, (232, 200, 130)),
        ],
    )


def _sea(size: int, rng: Rng) -> Rgb:
    line = rng.uniform(0.35, 0.55)
    image = _bands(
        size,
        [(0, (170, 215, 250)), (line, (215, 238, 255)), (line + 0.02, (40, 120, 200)), (1, (16, 70, 150))],
    )
    rows = np.arange(size) / size > line
    image[rows] += 0.05 * np.sin(np.arange(size) * 0.9 + rng.uniform(0, 6)).astype(np.float32)[None, :, None]
    return np.clip(image, 0, 1)


def _sky(size: int, rng: Rng) -> Rgb:
    image = _bands(size, [(0, (86, 166, 246)), (1, (200, 230, 255))])
    for _ in range(3):
        x, y = rng.uniform(0, 1), rng.uniform(0.05, 0.95)
        for step in (-0.09, 0.0, 0.09):
            image = _add_disc(image, x + step, y, 0.09 - abs(step) * 0.3, (252, 253, 255))
    return image


def _sunset(size: int, rng: Rng) -> Rgb:
    image = _bands(
        size, [(0, (96, 60, 130)), (0.45, (240, 110, 90)), (0.75, (255, 190, 90)), (1, (160, 70, 80))]
    )
    return _add_disc(image, rng.uniform(0.2, 0.8), 0.72, 0.13, (255, 236, 150))


def _snow(size: int, rng: Rng) -> Rgb:
    image = _bands(
        size, [(0, (150, 176, 206)), (0.62, (196, 212, 230)), (0.66, (244, 248, 252)), (1, (226, 236, 246))]
    )
    return _add_stars(image, rng, 0.06)


def _space(size: int, rng: Rng) -> Rgb:
    image = _add_stars(_bands(size, [(0, (8, 6, 20)), (1, (26, 10, 44))]), rng, 0.05)
    return _add_disc(image, rng.uniform(0, 1), rng.uniform(0, 1), 0.12, (176, 110, 190))


def _desert(size: int, rng: Rng) -> Rgb:
    line = rng.uniform(0.5, 0.62)
    return _bands(
        size,
        [(0, (250, 226, 170)), (line, (255, 244, 214)), (line + 0.03, (226, 160, 80)), (1, (196, 120, 56))],
    )


def _forest(size: int, rng: Rng) -> Rgb:
    image = _bands(
        size, [(0, (150, 190, 160)), (0.7, (60, 120, 70)), (0.74, (70, 96, 50)), (1, (56, 76, 40))]
    )
    x = np.arange(size)
    for _ in range(5):
        near = np.abs(x - rng.uniform(0, size))[None] < (np.arange(size)[:, None] - size * 0.1) * 0.16
        near &= (np.arange(size) < size * 0.74)[:, None]
        image[near] = np.array((24, rng.integers(70, 100), 44), np.float32) / 255
    return image


def _room(size: int, rng: Rng) -> Rgb:
    line = rng.uniform(0.68, 0.78)
    return _bands(
        size,
        [(0, (240, 226, 206)), (line, (232, 214, 190)), (line + 0.02, (150, 104, 68)), (1, (122, 80, 50))],
    )


def _two_tints(rng: Rng) -> tuple[Rgb, Rgb]:
    """A random colour twice, mixed with white: darker, lighter."""
    first = np.array(COLOURS[rng.choice(list(COLOURS))], np.float32) / 255
    return (first * 0.5 + 0.5).astype(np.float32), (first * 0.25 + 0.75).astype(np.float32)


def _pattern(mask: npt.NDArray[np.bool_], rng: Rng) -> Rgb:
    dark, light = _two_tints(rng)
    return np.where(mask[..., None], dark, light).astype(np.float32)


def _stripes(size: int, rng: Rng) -> Rgb:
    yy, xx = np.mgrid[:size, :size]
    return _pattern(((xx + yy) * 4 // size) % 2 == 0, rng)


def _checks(size: int, rng: Rng) -> Rgb:
    yy, xx = np.mgrid[:size, :size]
    return _pattern((xx * 4 // size + yy * 4 // size) % 2 == 0, rng)


def _dots(size: int, rng: Rng) -> Rgb:
    yy, xx = (np.mgrid[:size, :size] + 0.5) / size * 4 % 1 - 0.5
    return _pattern(np.hypot(xx, yy) < 0.28, rng)


SCENES: Mapping[str, Callable[[int, Rng], Rgb]] = {
    "night": _night,
    "meadow": _meadow,
    "beach": _beach,
    "sea": _sea,
    "sky": _sky,
    "sunset": _sunset,
    "snow": _snow,
    "space": _space,
    "desert": _desert,
    "forest": _forest,
    "room": _room,
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
}
