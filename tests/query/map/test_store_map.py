"""Maps: what is drawn, that what is alike lies together, and the files that come of them."""

import json
import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from attribase.cli import cli
from attribase.query import attribute
from attribase.query.map import store_map
from attribase.query.map.map_file import read_points, write_page
from attribase.query.map.store_map import MapSettings, make_map
from attribase.store import ConflictError, InvalidInputError, Store
from click.testing import CliRunner

from .conftest import Mapped


@pytest.fixture
def mapped(mapped_once, tmp_path):
    """A copy that a test may change."""
    return Mapped(Store.open(shutil.copytree(mapped_once.store.uri, tmp_path / "a.store")), mapped_once.group)


@pytest.fixture
def quick(monkeypatch):
    """The first two numbers of the vectors in place of UMAP, which numba compiles for 20 seconds."""
    monkeypatch.setattr(store_map, "lay_out", lambda vectors, _settings: vectors[:, :2].copy())


def points(store):
    return {row["item_id"]: row for row in store.read("map_points").to_pylist()}


@pytest.mark.slow  # numba compiles UMAP
def test_what_is_alike_lies_together_and_the_same_again(mapped):
    list(make_map(mapped.store))
    found = points(mapped.store)
    assert set(found) == set(mapped.group)
    places = np.array([[row["x"], row["y"]] for row in found.values()])
    groups = np.array([mapped.group[name] for name in found])
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    near = np.argsort(distance, axis=1)[:, :5]
    assert (groups[near] == groups[:, None]).mean() > 0.97
    assert list(make_map(mapped.store)) == []
    for table in ("maps", "map_points"):
        mapped.store.dataset(table).delete("true")
    list(make_map(mapped.store))
    assert points(mapped.store) == found


@pytest.mark.usefixtures("quick")
def test_kinds_are_told_apart_and_counts_are_kept(mapped):
    list(make_map(mapped.store))
    kinds = {"g": "gallery", "e": "exemplar", "o": "image", "s": "sample"}
    for name, row in points(mapped.store).items():
        assert row["kind"] == ("exemplar" if name == "g00" else kinds[name[0]])
    (row,) = mapped.store.read("maps").to_pylist()
    assert (row["points"], row["images"], row["samples"]) == (100, 76, 24)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("limit", [5, 30, 99])
def test_a_limit_keeps_exemplars_and_a_share_of_each_other_kind(mapped, limit):
    list(make_map(mapped.store, MapSettings(limit=limit)))
    counts: dict[str, int] = {}
    for row in points(mapped.store).values():
        counts[row["kind"]] = counts.get(row["kind"], 0) + 1
    assert counts["exemplar"] == min(11, limit)
    assert limit - 3 <= sum(counts.values()) <= limit
    if limit == 30:
        assert counts == {"exemplar": 11, "gallery": 12, "image": 1, "sample": 5}


@pytest.mark.usefixtures("quick")
def test_a_new_map_replaces_the_earlier_one(mapped):
    list(make_map(mapped.store))
    (first,) = mapped.store.read("maps")["map_id"].to_pylist()
    list(make_map(mapped.store, MapSettings(seed=1)))
    (second,) = mapped.store.read("maps")["map_id"].to_pylist()
    assert second != first
    assert set(mapped.store.read("map_points")["map_id"].to_pylist()) == {second}


@pytest.mark.usefixtures("quick")
def test_a_page_has_every_point_and_nothing_ends_its_script(mapped, tmp_path):
    list(make_map(mapped.store))
    answer = attribute(mapped.store, "s00", encoder="enc", mapper="none")
    rows = read_points(mapped.store, "enc", "none", answer.candidates)
    write_page(rows, "Map of <b>", tmp_path / "map.html", "s00")
    page = (tmp_path / "map.html").read_text()
    assert "<title>Map of &lt;b&gt;</title>" in page
    (text,) = re.findall(r'<script id="points" type="application/json">(.*?)</script>', page, re.DOTALL)
    data = json.loads(text)
    assert len(data["id"]) == len(data["x"]) == 100
    assert data["label"][data["id"].index("g01")] == "</script> g01"
    assert data["id"][data["asked"]] == "s00"
    share = dict(zip(data["id"], data["influence"], strict=True))
    expected = dict(zip(*answer.candidates.to_pydict().values(), strict=True))
    assert share["s00"] is None
    assert {one: value for one, value in share.items() if value} == pytest.approx(
        {one: value for one, value in expected.items() if value}
    )
    creators = data["coded"]["creator"]
    for name, code in zip(data["id"], creators["codes"], strict=True):
        assert (creators["values"][code] if code >= 0 else None) == (
            None if name[0] == "s" else f"by {mapped.group[name]}"
        )
    assert not re.findall(r"""(?:src|href)=["']""", page)  # it loads nothing


@pytest.mark.usefixtures("quick")
def test_the_command_writes_rows_and_says_what_is_not_drawn(mapped, tmp_path):
    out = tmp_path / "points.parquet"
    ran = CliRunner().invoke(cli, ["-s", mapped.store.uri, "query", "map", "--limit", "40", "-o", str(out)])
    assert ran.exit_code == 0, ran.output
    table = pq.read_table(out)
    assert {"item_id", "kind", "x", "y", "creator"} <= set(table.column_names)
    assert f"{100 - table.num_rows} more items are not drawn" in ran.stderr


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_drawn_or_written_is_an_error(mapped, tmp_path):
    with pytest.raises(InvalidInputError, match="points"):
        MapSettings(limit=1)
    with pytest.raises(ConflictError, match="no map"):
        read_points(mapped.store, "enc", "none")
    run = ["-s", mapped.store.uri, "query", "map"]
    ran = CliRunner().invoke(cli, [*run, "-o", str(tmp_path / "map.xyz")])
    assert ran.exit_code == 1
    assert "not written as .xyz" in ran.stderr
    ran = CliRunner().invoke(cli, [*run, "--picture", "s00"])
    assert ran.exit_code == 1
    assert "-o map.html" in ran.stderr
