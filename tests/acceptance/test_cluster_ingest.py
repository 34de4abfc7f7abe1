"""Pictures read, views embedded and vectors mapped on a Ray cluster: the same rows as in one process."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from attribase.ingest.embed import embed, embed_views
from attribase.ingest.embed import views as views_job
from attribase.ingest.generated import ingest_samples
from attribase.ingest.images import SourceOnNodes, SourceRequest, ingest_images
from attribase.runtime import LinearMapper, MapperPair
from attribase.runtime.mapper import fill_column
from attribase.runtime.mapper_cluster import fill_column_steps
from attribase.store import ConflictError, InvalidInputError, Store, content_id, mapped_column

from .cluster_nodes import picture, projection, rows, whole

pytest.importorskip("ray")
FAILED = [("item", "ascending"), ("stage", "ascending")]


def finish(job):
    """(steps, result) of a job that returns a value."""
    steps = []
    while True:
        try:
            steps.append(next(job))
        except StopIteration as ended:
            return steps, ended.value


@pytest.fixture
def art(tmp_path):
    """A folder with pictures of three artists, copies with other captions, and what is no picture."""
    folder = tmp_path / "art"
    for number in range(18):
        artist = folder / f"artist {number % 3}"
        artist.mkdir(parents=True, exist_ok=True)
        (artist / f"{number:02d}.png").write_bytes(picture(number, 24))
        (artist / f"{number:02d}.txt").write_text(f"caption {number}")
    for number, of in enumerate((0, 3, 3, 17)):  # in a folder that is read last
        last = folder / "zine"
        last.mkdir(exist_ok=True)
        (last / f"copy {number}.png").write_bytes(picture(of, 24))
        (last / f"copy {number}.json").write_text(json.dumps({"license": f"cc{number}", "page": number}))
    (folder / "zine" / "broken.png").write_bytes(picture(40, 24)[:300])
    (folder / "zine" / "notes.md").write_text("no picture")
    owners = ["file,rights_holder_name,license"] + [
        f"{number:02d}.png,Studio {number},own" for number in (1, 2, 30)
    ]
    (tmp_path / "owners.csv").write_text("\n".join(owners))
    return folder


def stored_before(store, art):
    """What the store has already: a picture without a caption, a reference, and one that was removed."""
    known, reference = art / "artist 1" / "04.png", art / "artist 2" / "05.png"
    store.upsert(
        "images",
        [{"image_id": content_id(known.read_bytes()), "uri": "elsewhere", "bytes": known.read_bytes()}],
    )
    uri = str(reference)
    store.upsert(
        "images",
        [
            {
                "image_id": content_id(uri.encode()),
                "uri": uri,
                "caption": "of the reference",
                "creator": "first",
            }
        ],
    )
    store.upsert("members", [{"collection": "gallery", "image_id": content_id(uri.encode())}])


def test_images_are_those_of_one_process_though_a_node_is_lost(nodes, art, tmp_path, monkeypatch):
    alone = Store.create(tmp_path / "alone")
    stored_before(alone, art)
    together = Store.open(shutil.copytree(alone.uri, tmp_path / "together"))
    request = SourceRequest("art", metadata=tmp_path / "owners.csv", folder=str(tmp_path))
    monkeypatch.chdir(tmp_path)
    here, there = request.open(), request.open()
    settings = {"collection": "gallery", "subfolder": "creator", "shard_size": 2}

    _, expected = finish(ingest_images(alone, here, **settings))
    with nodes.losing(tmp_path / "held", monkeypatch):
        on = SourceOnNodes(request, nodes.complete())
        steps, found = finish(ingest_images(together, there, **settings, nodes=on))
    assert "repeated" in steps[-1].note
    assert found == expected
    assert list(there.lines()) == list(here.lines())
    assert (expected.failed, expected.written.known, expected.written.references_replaced) == (2, 5, 1)
    tables = (("images", "image_id", "added"), ("members", "image_id"), ("rights_log", "change_id", "at"))
    for table, key, *clock in tables:
        assert whole(together, table, key, *clock).equals(whole(alone, table, key, *clock))
    assert alone.count("rights_log") > 18
    assert together.count("images") == 18
    assert rows(together, "failures", FAILED, "at").equals(rows(alone, "failures", FAILED, "at"))
    assert together.jobs.unfinished() == []
    again, nothing = finish(ingest_images(together, there, **settings, nodes=on))
    assert (again, nothing.items) == ([], 0)


def test_a_source_that_a_node_does_not_see_is_refused(nodes, art, tmp_path):
    store = Store.create(tmp_path / "store")
    request = SourceRequest(str(art), folder=str(tmp_path))
    source = request.open()
    source.items()
    moved = replace(request, name=str(tmp_path / "not here"))
    with pytest.raises(InvalidInputError, match=r"node .*there is no .*not here") as error:
        finish(ingest_images(store, source, "gallery", nodes=SourceOnNodes(moved, nodes.complete())))
    assert "all nodes share" in error.value.hint
    (art / "artist 0" / "late.png").write_bytes(picture(77, 24))
    with pytest.raises(ConflictError, match=r"sees .*art in another state"):
        finish(ingest_images(store, source, "gallery", nodes=SourceOnNodes(request, nodes.address)))
    assert store.count("images") == 0


def test_samples_of_others_are_those_of_one_process(nodes, art, tmp_path):
    alone = Store.create(tmp_path / "alone")
    exemplar = (art / "artist 0" / "00.png").read_bytes()
    alone.upsert("images", [{"image_id": content_id(exemplar), "uri": "star.png", "bytes": exemplar}])
    together = Store.open(shutil.copytree(alone.uri, tmp_path / "together"))
    table = []
    for number in range(9):
        (tmp_path / f"{number}.png").write_bytes(picture(60 + number % 8, 20))
        made = {"file": f"{number}.png", "prompt": f"prompt {number}", "seed": number}
        table.append(made | ({"exemplars": ["star.png"], "model_name": "m"} if number % 3 == 0 else {}))
    (tmp_path / "made.jsonl").write_text("\n".join(map(json.dumps, table)))
    request = SourceRequest(str(tmp_path / "made.jsonl"))

    _, expected = finish(ingest_samples(alone, request.open(), shard_size=2))
    on = SourceOnNodes(request, nodes.complete())
    _, found = finish(ingest_samples(together, request.open(), shard_size=2, nodes=on))
    assert found == expected
    assert (expected.written.new, expected.written.known, expected.models) == (8, 1, 1)
    for table, key in (("samples", "sample_id"), ("models", "model_id")):
        assert whole(together, table, key).equals(whole(alone, table, key))


def test_views_and_mapped_columns_are_those_of_one_process_though_nodes_are_lost(
    nodes, tmp_path, monkeypatch
):
    alone = Store.create(tmp_path / "alone")
    projection(alone)
    pictures = [picture(seed, 32) for seed in range(6)]
    ids = [content_id(data) for data in pictures]
    alone.upsert(
        "images", [{"image_id": name, "bytes": data} for name, data in zip(ids, pictures, strict=True)]
    )
    for number, name in enumerate(ids):
        model = {
            "model_id": f"m{number}",
            "method": "custom-diffusion",
            "split": "train",
            "exemplar_ids": [name],
        }
        alone.upsert("models", [model])
        sample = {"sample_id": f"s{number}", "model_id": f"m{number}", "bytes": picture(100 + number, 20)}
        alone.upsert("samples", [sample])
    list(embed(alone, "tiny", shard_size=3))
    together = Store.open(shutil.copytree(alone.uri, tmp_path / "together"))
    monkeypatch.setattr(views_job, "SHARD_SIZE", 3)

    list(embed_views(alone, "tiny", views=3, augment="strong"))
    with nodes.losing(tmp_path / "views", monkeypatch):
        steps = list(embed_views(together, "tiny", views=3, augment="strong", ray=nodes.complete()))
    assert "repeated" in steps[-1].note
    assert (steps[-1].done, steps[-1].total) == (12, 12)
    by_view = [("item_id", "ascending"), ("view", "ascending")]
    table = next(name for name in alone.tables() if name.startswith("views_"))
    assert rows(together, table, by_view).equals(rows(alone, table, by_view))
    assert together.count(table) == 36
    assert together.jobs.unfinished() == []

    rng = np.random.default_rng(0)
    pair = MapperPair(
        *(LinearMapper(*(rng.normal(size=shape).astype(np.float32) for shape in ((8, 16), 8))) for _ in "hh")
    )
    fill_column(alone, "tiny", "m", pair)
    before = together.dataset("vectors_tiny").version
    with nodes.losing(tmp_path / "mapped", monkeypatch):
        steps = list(fill_column_steps(together, "tiny", "m", pair, ray=nodes.complete()))
    assert "repeated" in steps[-1].note
    assert (steps[-1].done, steps[-1].total) == (12, 12)
    assert rows(together, "vectors_tiny", "item_id").equals(rows(alone, "vectors_tiny", "item_id"))
    assert not together.count("vectors_tiny", f"{mapped_column('m')} is null")
    assert together.dataset("vectors_tiny").version == before + 2  # the column, then its values
    list(fill_column_steps(together, "tiny", "m", pair, ray=nodes.address))
    assert together.dataset("vectors_tiny").version == before + 2
