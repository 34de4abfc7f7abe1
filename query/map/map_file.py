"""A map as a file: a page that needs nothing else, rows, or Embedding Atlas as a folder of a web site."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from ...store.errors import ConflictError, MissingExtraError
from ..sql.connection import open_connection
from ..sql.statements import load_sql

if TYPE_CHECKING:
    from ...store import Store

COLOURED = ("kind", "creator", "license", "rights_holder", "reservation", "category")
"""Columns that the page colours points by, where they have values."""

LABEL = 120
"""Characters of a label on the page."""


def read_points(store: Store, encoder: str, mapper: str, influence: pa.Table | None = None) -> pa.Table:
    """The points of the newest map of an encoder and mapper, with what is known of them.

    `influence`: (image_id, influence) of an answer, which becomes a column: 0 for other images, null for
    samples.
    """
    with open_connection(store) as con:
        params = {"encoder": encoder, "mapper": mapper}
        rows = con.sql(load_sql("map_points_of"), params=params).to_arrow_table()
    if not rows.num_rows:
        raise ConflictError(
            f"there is no map of {encoder} with {mapper}", hint="make one: attribase -s STORE query map"
        )
    if influence is None:
        return rows
    at = pc.index_in(rows["item_id"], value_set=influence["image_id"].combine_chunks())
    found = pc.fill_null(influence["influence"].take(at), 0.0)
    drawn = pc.equal(rows["kind"], "sample")
    return rows.append_column("influence", pc.if_else(drawn, pa.scalar(None, pa.float64()), found))


def write_points(points: pa.Table, path: Path) -> None:
    """The rows as a file of the kind that its name ends in: .parquet or .csv."""
    if path.suffix == ".csv":
        csv.write_csv(points, path)
    else:
        pq.write_table(points, path)


def write_page(points: pa.Table, title: str, path: Path, asked: str | None = None) -> None:
    """A page with the points and all that it needs: it loads nothing, and may be sent to somebody.

    `asked`: the id or uri of the picture that was asked about; it is marked where it is one of the points.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    templates = Environment(
        loader=PackageLoader("attribase.query.map"), autoescape=True, undefined=StrictUndefined
    )
    text = json.dumps(
        _page_data(points) | {"asked": _place_of(points, asked)}, ensure_ascii=False, separators=(",", ":")
    )
    data = Markup(text.replace("<", "\\u003c"))  # noqa: S704 - JSON, with nothing that ends the script
    page = templates.get_template("map.html").render(title=title, data=data, count=points.num_rows)
    path.write_text(page, encoding="utf-8")


def _place_of(points: pa.Table, asked: str | None) -> int | None:
    """The row of the item with this id or uri."""
    places = (pc.index(points[name], pa.scalar(asked, pa.string())).as_py() for name in ("item_id", "uri"))
    return next((place for place in places if asked and place >= 0), None)


def _page_data(points: pa.Table) -> dict[str, Any]:
    """Columns of the page, with coordinates in [0, 1] and texts that repeat as codes."""
    x, y = (points[name].to_numpy().astype(float) for name in ("x", "y"))
    width = max(float(np.ptp(x)), float(np.ptp(y)), 1e-9)
    coded = {name: _coded(points[name]) for name in COLOURED if points[name].null_count < points.num_rows}
    label = pc.coalesce(points["label"], points["uri"], points["item_id"])
    data: dict[str, Any] = {
        "id": points["item_id"].to_pylist(),
        "x": np.round((x - x.min()) / width, 5).tolist(),
        "y": np.round((y - y.min()) / width, 5).tolist(),
        "label": pc.utf8_slice_codeunits(label, 0, LABEL).to_pylist(),
        "coded": coded,
    }
    if "influence" in points.column_names:
        data["influence"] = points["influence"].to_pylist()
    return data


def _coded(values: pa.ChunkedArray) -> dict[str, Any]:
    """The distinct values, most frequent first, and each row's place among them, -1 where it has none."""
    counts = sorted(
        pc.value_counts(values.drop_null()).to_pylist(), key=lambda one: (-one["counts"], one["values"])
    )
    names = [one["values"] for one in counts]
    codes = pc.fill_null(pc.index_in(values, value_set=pa.array(names, values.type)), -1)
    return {"values": names, "codes": codes.to_pylist()}


def write_atlas(points: pa.Table, path: Path) -> None:
    """Apple's Embedding Atlas over the points: a folder, or a .zip of one, for any web server.

    Raises MissingExtraError where it is not installed, ConflictError where it fails, with what it said.
    """
    import importlib.util

    if importlib.util.find_spec("embedding_atlas") is None:
        raise MissingExtraError(
            "this needs embedding_atlas, which is not installed", hint='pip install "attribase[map]"'
        )
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "points.parquet")
        label = pc.coalesce(points["label"], points["uri"], points["item_id"])
        pq.write_table(points.set_column(points.column_names.index("label"), "label", label), rows)
        options = ["--x", "x", "--y", "y", "--text", "label", "--export-application", str(path)]
        command = [sys.executable, "-m", "embedding_atlas.cli", str(rows), *options]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if ran.returncode:
        raise ConflictError(
            f"embedding-atlas failed: {ran.stderr.strip().splitlines()[-1:] or ran.returncode}",
            hint="write a page instead: -o map.html",
        )
