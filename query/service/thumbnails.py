"""Small pictures of stored ones, the last ones kept."""

from __future__ import annotations

import io
import warnings
from collections import OrderedDict
from threading import Lock

from ...store.errors import TooLargeError

KEPT_BYTES = 64 << 20
SHARP = 64  # up to this size a PNG is small too, and icons stay sharp


class Thumbnails:
    """A bounded number of bytes of thumbnails by key, least recently used first out. Thread-safe."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit, self._lock = limit, Lock()
        self._kept: OrderedDict[tuple[str, str, int], tuple[bytes, str]] = OrderedDict()
        self.bytes = 0

    def get(self, key: tuple[str, str, int]) -> tuple[bytes, str] | None:
        """(bytes, content type) of (table, id, size), or None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: tuple[str, str, int], made: tuple[bytes, str]) -> None:
        """Remember one, and forget the oldest beyond the limit."""
        with self._lock:
            self.bytes += len(made[0]) - len(self._kept.get(key, (b"",))[0])
            self._kept[key] = made
            while self.bytes > self._limit:
                _, (dropped, _) = self._kept.popitem(last=False)
                self.bytes -= len(dropped)


def shrunk(data: bytes, size: int, pixels: int) -> tuple[bytes, str]:
    """(bytes, content type): at most `size` pixels wide and high, never enlarged.

    Raises TooLargeError for more than `pixels` pixels, DataError for what is no picture.
    """
    from PIL import Image

    from ...runtime.decode import decode_image

    check_pixels(data, pixels)
    image = decode_image(data, pixels)
    if max(image.size) > size:
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    if max(image.size) <= SHARP:
        image.save(out, "PNG")
        return out.getvalue(), "image/png"
    image.save(out, "JPEG", quality=85)
    return out.getvalue(), "image/jpeg"


def check_pixels(data: bytes, limit: int) -> None:
    """Raise TooLargeError for more than `limit` pixels. Broken pictures are for the decoder to tell."""
    from PIL import Image

    from ...runtime.decode import FORMATS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            raise TooLargeError("the image has too many pixels", hint="shrink it first") from None
        except Exception:  # Pillow's plugins raise whatever they like
            return
    if width * height > limit:
        raise TooLargeError(
            f"{width} x {height} pixels are more than {limit:,}", hint="shrink the image first"
        )
