"""How large a picture is, from its header alone: a few bytes can claim to be gigabytes."""

from __future__ import annotations

import io
import warnings

from .problems import TooLargeError


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
