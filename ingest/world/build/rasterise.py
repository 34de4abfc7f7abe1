"""Rasterise the selected SVG icons: the packaged Parquet file, and the RGBA icons that training varies."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from ....store.errors import InvalidInputError
from ....store.ids import content_id
from ....store.jobs import Step
from .licences import Licence, read_licence
from .selection import Icons, Pick, load_icons, select
from .sets import get_set

SIZE = 64
"""Side of the packaged images, in pixels."""
COLUMNS = (
    "name",
    "category",
    "set",
    "creator",
    "license",
    "license_url",
    "role",
    "split_hint",
    "caption",
    "image",
)
_CHUNK = 256


def rasterise_icon(icons: Icons, file: str, size: int = SIZE) -> npt.NDArray[np.uint8]:
    """One icon as RGBA, uint8 (size, size, 4), straight alpha."""
    import resvg_py  # a build-time dependency: the `world` extra

    icon = icons["icons"][file]
    left, top = icon.get("left", 0), icon.get("top", 0)
    width, height = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' width="{size}" height="{size}" viewBox="{left} {top} {width} {height}">{icon["body"]}</svg>'
    )
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def encode_on_white(icon: npt.NDArray[np.uint8]) -> bytes:
    """The icon over white as PNG bytes."""
    alpha = icon[..., 3:].astype(np.float32) / 255
    rgb = np.round(icon[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(rgb, "RGB").save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def rasterise(data: Path, parquet: Path, icons_file: Path, size: int = SIZE) -> Iterator[Step]:
    """Draw every selected icon; write `parquet` (all images) and `icons_file` (RGBA, gallery order).

    Of images with equal bytes only the first is written, so that ids are unique. The gallery comes first.

    Raises:
        InvalidInputError: the networks cannot take images of `size` pixels.
    """
    if size < 32 or size % 16:
        raise InvalidInputError(
            f"cannot train on icons of {size} pixels",
            hint="use a multiple of 16, from 32: the VAE halves an image three times, the UNet once more",
        )
    picks = sorted(select(data), key=lambda pick: ("gallery", "object", "style").index(pick.role))
    loaded: tuple[str, Icons] = ("", {})
    rows: dict[str, dict[str, Any]] = {}
    gallery: list[npt.NDArray[np.uint8]] = []
    licences: dict[str, Licence] = {}
    for done, pick in enumerate(picks, 1):
        spec = get_set(pick.set)
        if loaded[0] != spec.package:
            loaded = (spec.package, load_icons(data, spec))
        licence = licences.setdefault(pick.set, read_licence(data, spec))
        icon = rasterise_icon(loaded[1], pick.file, size)
        png = encode_on_white(icon)
        if content_id(png) not in rows:
            rows[content_id(png)] = _image_row(pick, licence, png)
            if pick.role == "gallery":
                gallery.append(icon)
        if done % _CHUNK == 0 or done == len(picks):
            yield Step("rasterise", done, len(picks), note=pick.set)
    parquet.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(list(rows.values()))
    pq.write_table(
        table.select(COLUMNS), parquet, compression="zstd", compression_level=19, row_group_size=1024
    )
    np.save(icons_file, np.stack(gallery), allow_pickle=False)


def _image_row(pick: Pick, licence: Licence, png: bytes) -> dict[str, Any]:
    spec = get_set(pick.set)
    return {
        "name": pick.name,
        "category": pick.category,
        "set": pick.set,
        "creator": licence.creator,
        "license": licence.spdx,
        "license_url": licence.url,
        "role": pick.role,
        "split_hint": pick.hint,
        "caption": f"a {pick.name} in the style of {spec.spoken} art",
        "image": png,
    }
