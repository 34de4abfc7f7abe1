"""Features from elsewhere: from a file to a mapper and metrics."""

import json

import numpy as np
import pytest
from attribase.ingest.embed import embed, embed_views
from attribase.ingest.encoders import ensure_encoder
from attribase.ingest.encoders.listing import list_encoders
from attribase.ingest.vectors import ingest_vectors, open_vectors
from attribase.query import evaluate
from attribase.runtime.model_files import can_embed
from attribase.store import AttribaseError, ConflictError, InvalidInputError, NotFoundError, Store, content_id
from attribase.store.checks import check
from attribase.store.upgrade import upgrade
from attribase.train import MapperConfig, train_calibration, train_mapper

DIM = 8


GALLERY = [f"g{n}" for n in range(40)]
MODELS = {
    f"{split}{n}": split for split, count in (("train", 12), ("val", 6), ("test", 6)) for n in range(count)
}
SAMPLES = {f"s-{model}-{n}": model for model in MODELS for n in range(2)}


def make_points() -> dict[str, np.ndarray]:
    """Random features of images; a sample's is near its exemplar's."""
    rng = np.random.default_rng(0)
    points = {name: rng.normal(size=DIM) for name in [*GALLERY, *(f"e-{model}" for model in MODELS)]}
    points |= {name: points[f"e-{model}"] + 0.3 * rng.normal(size=DIM) for name, model in SAMPLES.items()}
    return {name: point.astype(np.float32) for name, point in points.items()}


POINTS = make_points()


@pytest.fixture
def store(tmp_path) -> Store:
    """Models with an exemplar and two samples each, and a gallery; pictures by name only."""
    made = Store.create(tmp_path / "a.store")
    images = [name for name in POINTS if name not in SAMPLES]
    made.upsert("members", [{"collection": "gallery", "image_id": name} for name in GALLERY])
    made.upsert("images", [{"image_id": name, "uri": f"file:///data/{name}.png"} for name in images])
    common = {"method": "custom-diffusion", "concept_kind": "object", "case_name": "c"}
    rows = [
        common | {"model_id": name, "split": split, "exemplar_ids": [f"e-{name}"]}
        for name, split in MODELS.items()
    ]
    made.upsert("models", rows)
    made.upsert(
        "samples", [{"sample_id": one, "model_id": model, "scheme": "gpt"} for one, model in SAMPLES.items()]
    )
    return made


def write(folder, points, name="f"):
    np.save(folder / f"{name}.npy", np.stack(list(points.values())))
    (folder / f"{name}.json").write_text(json.dumps(list(points)))
    return open_vectors(folder / f"{name}.npy", folder / f"{name}.json")


def ingest(store, file, **options):
    steps = ingest_vectors(store, file, "mine", **options)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def base(store) -> dict[str, list[float]]:
    return {
        row["item_id"]: row["base"] for row in store.read("vectors_mine", ["item_id", "base"]).to_pylist()
    }


def run(steps) -> list:
    return list(steps)


def test_a_file_becomes_an_encoder_a_mapper_and_metrics(store, tmp_path):
    file = write(tmp_path, POINTS)
    summary = ingest(store, file)
    assert summary.counts["added"] == len(POINTS)
    assert base(store) == {name: row.tolist() for name, row in POINTS.items()}
    (row,) = store.read("encoders").to_pylist()
    assert (row["dim"], row["onnx_file"]) == (DIM, None)
    assert file.sha256 in row["source"]
    assert "f.npy" in row["source"]
    assert not can_embed(store, "mine")
    run(train_mapper(store, "mine", MapperConfig(name="tuned", views=0, epochs=5)))
    run(evaluate(store, "mine", "none"))
    run(evaluate(store, "mine", "tuned"))
    sample, exemplar = POINTS["s-test0-0"], POINTS["e-test0"]
    pool = [POINTS[f"g{n}"] for n in range(40)] + [exemplar]
    cosines = [float(row @ sample / np.linalg.norm(row) / np.linalg.norm(sample)) for row in pool]
    runs = {one["run_id"]: one["mapper"] for one in store.read("runs").to_pylist()}
    ranks = {
        row["rank"]
        for row in store.read("ranks").to_pylist()
        if row["sample_id"] == "s-test0-0" and runs[row["run_id"]] == "none"
    }
    assert ranks == {sorted(cosines, reverse=True).index(cosines[-1]) + 1}


def test_check_upgrade_and_the_listing_know_of_it(store, tmp_path):
    ingest(store, write(tmp_path, dict(list(POINTS.items())[:50])))
    assert check(store) == []
    store.upsert("images", [{"image_id": content_id(b"x"), "bytes": b"x"}])
    (problem,) = check(store)
    assert problem.check == "missing-vector"
    assert "ingest vectors" in problem.hint
    run(upgrade(store))
    (listed,) = [one for one in list_encoders(store) if one.encoder == "mine"]
    assert (listed.dim, listed.ready, listed.vectors) == (DIM, (), 50)


def test_the_same_file_again_changes_nothing_and_a_stopped_run_goes_on(store, tmp_path, monkeypatch):
    monkeypatch.setattr("attribase.ingest.vectors.file.BATCH_ROWS", 20)
    file = write(tmp_path, POINTS)
    steps = ingest_vectors(store, file, "mine")
    next(step for step in steps if step.done == 40)
    steps.close()
    assert len(base(store)) == 40
    assert ingest(store, file).counts == {"equal": 40, "added": len(POINTS) - 40, "differing": 0}
    version = store.versions()["vectors_mine"]
    assert ingest(store, file).counts["equal"] == len(POINTS)
    assert store.versions()["vectors_mine"] == version


def test_ids_are_found_by_uri_and_by_the_end_of_a_path_and_others_are_counted(store, tmp_path):
    store.upsert("images", [{"image_id": f"x{n}", "uri": f"file:///{n}/same.png"} for n in range(2)])
    names = ["file:///data/g0.png", "g1.png", "data/g2.png", "g3", "same.png", "1/same.png", "nothing.png"]
    summary = ingest(store, write(tmp_path, dict.fromkeys(names, np.ones(DIM, np.float32))))
    assert sorted(base(store)) == ["g0", "g1", "g2", "g3", "x1"]
    assert (summary.unknown, summary.ambiguous) == (["nothing.png"], ["same.png"])
    assert summary.missing == {"image": 64 + 2 - 5, "sample": 48}
    text = " ".join(summary.lines())
    assert "1 ids are of nothing stored: 'nothing.png'" in text


def test_changed_values_are_counted_and_replaced_when_asked(store, tmp_path):
    ingest(store, write(tmp_path, POINTS))
    config = MapperConfig(name="tuned", views=0, epochs=3)
    run(train_mapper(store, "mine", config))
    run(train_calibration(store, "mine", "tuned"))
    run(evaluate(store, "mine", "none"))
    assert run(train_mapper(store, "mine", config)) == []
    assert store.count("gallery_moments")
    moved = write(tmp_path, {"e-train0": -POINTS["e-train0"], "g0": POINTS["g0"]}, "g")
    assert ingest(store, moved).counts == {"equal": 1, "added": 0, "differing": 1}
    assert run(train_mapper(store, "mine", config)) == []
    assert ingest(store, moved, update=True).counts == {"equal": 1, "added": 0, "replaced": 1}
    assert base(store)["e-train0"] == (-POINTS["e-train0"]).tolist()
    assert not store.count("gallery_moments")
    assert run(train_mapper(store, "mine", config)) != []
    other = write(tmp_path, {"e-test0": -POINTS["e-test0"]}, "h")
    ingest(store, other, update=True)
    ranked = store.count("runs")
    run(evaluate(store, "mine", "none"))
    assert store.count("runs") > ranked


def test_a_mapper_that_is_there_maps_new_vectors(store, tmp_path):
    points = dict(POINTS)
    last = points.popitem()
    ingest(store, write(tmp_path, points))
    run(train_mapper(store, "mine", MapperConfig(name="tuned", views=0, epochs=2)))
    ingest(store, write(tmp_path, dict([last]), "g"))
    assert not store.count("vectors_mine", "mapped_tuned is null")


@pytest.mark.parametrize(
    ("name", "error"), [("thumbnail", ConflictError), ("a+b", ConflictError), ("!", InvalidInputError)]
)
def test_a_name_that_means_something_else_is_refused(store, tmp_path, name, error):
    with pytest.raises(error):
        next(ingest_vectors(store, write(tmp_path, POINTS), name))
    assert not store.count("encoders")


def test_bad_files_write_nothing(store, tmp_path):
    bad = dict(POINTS) | {"g5": np.full(DIM, np.nan, np.float32)}
    with pytest.raises(InvalidInputError, match="'g5'"):
        ingest(store, write(tmp_path, bad))
    with pytest.raises(InvalidInputError, match=r"rows are of one item: 'g0', 'g0\.png'"):
        ingest(store, write(tmp_path, {"g0": POINTS["g0"], "g0.png": POINTS["g1"]}))
    with pytest.raises(InvalidInputError, match="none of the 1 ids"):
        ingest(store, write(tmp_path, {"no": POINTS["g0"]}))
    assert not store.count("encoders")
    ingest(store, write(tmp_path, POINTS))
    with pytest.raises(InvalidInputError, match=r"8 numbers, those of f\.npy have 4"):
        ingest(store, write(tmp_path, {"g0": np.ones(4, np.float32)}))


def test_what_needs_the_model_is_one_error(store, tmp_path):
    ingest(store, write(tmp_path, POINTS))
    assert ensure_encoder(store, "mine") == "mine"
    for steps in (embed(store, "mine"), embed_views(store, "mine")):
        with pytest.raises(NotFoundError, match="not the encoder itself") as error:
            next(steps)
        assert "ingest vectors" in error.value.hint
    assert isinstance(error.value, AttribaseError)
