"""Media that captions name: each draws an icon as another kind of image, such as a blueprint or a sticker.

Same conventions as backgrounds.py: `Rgba` in, opaque `Rgb` out, floats in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from .backgrounds import Rgb, Rgba, composite

Gray = npt.NDArray[np.float32]
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _on_white(icon: Rgba) -> Rgb:
    return composite(icon, np.ones_like(icon[..., :3]))


def _luminance(icon: Rgba) -> Gray:
    return np.asarray(_on_white(icon) @ _LUMA, np.float32)


def _shade(values: Gray, dark: tuple[int, int, int], light: tuple[int, int, int]) -> Rgb:
    """Colour values in [0, 1] along the line from `dark` to `light`."""
    low, high = np.array(dark, np.float32) / 255, np.array(light, np.float32) / 255
    return (low + (high - low) * values[..., None]).astype(np.float32)


def _edges(icon: Rgba) -> Gray:
    """Strength of colour and shape edges in [0, 1], from central differences."""
    planes = np.concatenate([_on_white(icon), icon[..., 3:]], -1)
    wide = np.pad(planes, ((1, 1), (1, 1), (0, 0)), mode="edge")
    gx = np.abs(wide[1:-1, 2:] - wide[1:-1, :-2]).max(-1)
    gy = np.abs(wide[2:, 1:-1] - wide[:-2, 1:-1]).max(-1)
    edges: Gray = np.clip(np.hypot(gx, gy) * 1.3 - 0.1, 0, 1).astype(np.float32)
    return edges


def _dilate(alpha: Gray, by: int) -> Gray:
    """Alpha dilated by `by` pixels: the maximum over the four neighbours, repeatedly."""
    for _ in range(by):
        wide = np.pad(alpha, 1)
        alpha = np.maximum.reduce(
            [wide[1:-1, 1:-1], wide[2:, 1:-1], wide[:-2, 1:-1], wide[1:-1, 2:], wide[1:-1, :-2]]
        )
    return alpha


def _blur(image: Rgb, times: int) -> Rgb:
    for _ in range(times):
        wide = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
        cross = wide[2:, 1:-1] + wide[:-2, 1:-1] + wide[1:-1, 2:] + wide[1:-1, :-2]
        image = ((wide[1:-1, 1:-1] * 2 + cross) / 6).astype(np.float32)
    return image


def _pixel_art(icon: Rgba) -> Rgb:
    image = _on_white(icon)
    block = max(image.shape[0] // 11, 1)
    size = image.shape[0] // block * block
    small = image[:size, :size].reshape(size // block, block, size // block, block, 3).mean((1, 3))
    out = image.copy()
    out[:size, :size] = small.repeat(block, 0).repeat(block, 1)
    return out


def _sticker(icon: Rgba) -> Rgb:
    alpha = icon[..., 3]
    step = max(icon.shape[0] // 16, 1)
    sheet = np.broadcast_to(np.array([0.62, 0.75, 0.72], np.float32), icon[..., :3].shape)
    rim = _dilate(alpha, step + 1)[..., None]
    white = _dilate(alpha, step)[..., None]
    sheet = sheet * (1 - rim) + 0.45 * rim
    return composite(icon, (sheet * (1 - white) + white).astype(np.float32))


def _carving(icon: Rgba) -> Rgb:
    wide = np.pad(_luminance(icon) * 0.5 + 0.5 * (1 - icon[..., 3]), 1, mode="edge")
    relief = 0.6 + 1.3 * (wide[2:, 2:] - wide[:-2, :-2])
    return _shade(np.clip(relief, 0, 1).astype(np.float32), (52, 50, 48), (216, 212, 204))


def _tint(icon: Rgba, tint: Rgb, sheet: tuple[int, int, int]) -> Rgb:
    alpha = icon[..., 3:]
    return (tint * alpha + np.array(sheet, np.float32) / 255 * (1 - alpha)).astype(np.float32)


MEDIA: Mapping[str, Callable[[Rgba], Rgb]] = {
    "black and white photo": lambda i: _shade(_luminance(i), (0, 0, 0), (255, 255, 255)),
    "sepia photo": lambda i: _shade(_luminance(i), (60, 36, 16), (250, 230, 192)),
    "pixel art": _pixel_art,
    "watercolor painting": lambda i: (
        np.clip(0.42 + 0.58 * _blur(_on_white(i), 3), 0, 1) * np.array([1, 0.99, 0.95], np.float32)
    ),
    "blueprint": lambda i: _shade(_edges(i), (28, 70, 160), (236, 244, 255)),
    "pencil sketch": lambda i: _shade(1 - _edges(i), (70, 70, 74), (250, 249, 244)),
    "sticker": _sticker,
    "golden statue": lambda i: _tint(i, _shade(_luminance(i), (96, 60, 8), (255, 226, 120)), (250, 246, 236)),
    "neon sign": lambda i: _shade(_edges(i), (16, 10, 34), (255, 90, 220)),
    "silhouette": lambda i: _tint(i, np.full_like(i[..., :3], 0.08), (255, 255, 255)),
    "stone carving": _carving,
    "red stamp": lambda i: _shade(_luminance(i), (196, 30, 40), (255, 244, 240)),
    "film negative": lambda i: 1 - _on_white(i),
    "blue print": lambda i: _shade(_luminance(i), (20, 40, 120), (226, 238, 255)),
    "chalk drawing": lambda i: _shade(_edges(i), (36, 70, 56), (240, 244, 236)),
    "pop art poster": lambda i: np.where(
        _on_white(i) > 0.55, np.array([1.0, 0.86, 0.2], np.float32), np.array([0.85, 0.1, 0.45], np.float32)
    ).astype(np.float32),
}
