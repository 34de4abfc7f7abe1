"""What the HTML of answers is made with: templates, percentages, stored images as data URIs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...store.errors import DataError
from ...store.lookup import locate
from ..thumbnails import make_thumbnail

if TYPE_CHECKING:
    from ..session import Snapshot

PIXELS = 464
"""The longer side of an image on a page."""


def render(template: str, **values: Any) -> str:
    """The text of a template of this folder; values are escaped, and one that is missing is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("attribase.query.attribution")
    templates = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    templates.filters |= {"percent": percent, "sentence": sentence, "after_colon": after_colon}
    return templates.get_template(template).render(**values)


def percent(share: float) -> str:
    """A share with as many digits as it takes to distinguish it from 0 and, up to rounding errors, from 1."""
    if share >= 0.995:
        return "100%" if share > 1 - 1e-9 else "over 99.9%" if share >= 0.9995 else f"{100 * share:.1f}%"
    if share >= 0.0995:
        return f"{100 * share:.0f}%"
    return f"{100 * share:.1f}%" if share >= 0.0005 else "under 0.1%" if share > 0 else "0%"


def after_colon(text: str) -> str:
    """What a line says after the name of its state: `none of these: up to 3%` becomes `up to 3%`."""
    return text.partition(": ")[2]


def sentence(text: str) -> str:
    """A line of an answer as a sentence; an empty one stays empty."""
    return f"{text[0].upper()}{text[1:].removesuffix('.')}." if text else ""


def read_images(snapshot: Snapshot, ids: Sequence[str], side: int = PIXELS) -> dict[str, str | None]:
    """Data URIs of stored images; None for those that are only referenced, or broken."""
    found = snapshot.finder("images", "image_id").rows(ids, ["width", "height"]).to_pylist()
    if not found:
        return {}
    sizes = {row["image_id"]: (row["width"] or 0) * (row["height"] or 0) for row in found}
    rows: Any = locate("images", snapshot.pinned.dataset("images"), "bytes", list(sizes))
    return {item: data_uri(data, sizes[item], side) for item, data in rows.read(list(sizes))}


def data_uri(data: bytes | None, pixels: int = 0, side: int = PIXELS) -> str | None:
    """An image of at most `side` pixels a side as a data URI; None without bytes, or for broken ones.

    `pixels`: width * height that ingest let in, which may be more than the default limit.
    """
    from ...runtime.decode import PIXEL_LIMIT  # imported late: the runtime loads ONNX

    if not data:
        return None
    try:
        thumbnail, kind = make_thumbnail(data, side, max(PIXEL_LIMIT, pixels))
    except DataError:
        return None
    return f"data:{kind};base64,{base64.b64encode(thumbnail).decode()}"
