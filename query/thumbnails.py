"""Thumbnails of encoded images, for the web page and the HTML page of an answer."""

from __future__ import annotations

import io

PNG_SIDE = 64
"""Up to this side a PNG is small too, and icons stay sharp."""

JPEG_QUALITY = 85


def make_thumbnail(data: bytes, side: int, pixel_limit: int | None = None) -> tuple[bytes, str]:
    """An encoded image scaled to at most `side` pixels wide and high, and its content type.

    Never enlarged. Raises DataError for bytes that are no image, and for more than `pixel_limit` pixels (left
    out, the decoder's own limit).
    """
    from PIL import Image

    from ..runtime.decode import PIXEL_LIMIT, decode_image  # imported late: the runtime loads ONNX

    image = decode_image(data, pixel_limit or PIXEL_LIMIT)
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    if max(image.size) <= PNG_SIDE:
        image.save(out, "PNG")
        return out.getvalue(), "image/png"
    image.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue(), "image/jpeg"
