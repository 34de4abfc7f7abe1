"""The size of a picture, read from its header before anything is decoded."""

from __future__ import annotations

import io
import warnings

from ...store.errors import TooLargeError


def check_image_size(data: bytes, pixel_limit: int) -> None:
    """Raise TooLargeError for an encoded image of more than `pixel_limit` pixels, read from its header alone.

    Bytes that are no image pass: decoding them says what is wrong.
    """
    from PIL import Image

    from ...runtime.formats import decodable

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=decodable()) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            raise TooLargeError("the image has too many pixels", hint="shrink it first") from None
        except Exception:  # Pillow's plugins raise many types
            return
    if width * height > pixel_limit:
        raise TooLargeError(
            f"{width} x {height} pixels are more than {pixel_limit:,}", hint="shrink the image first"
        )
