"""Sets of unrelated images: plans on COCO's captions, and the whole method on the world."""

import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from attribase.ingest.customize import customize, defaults_for
from attribase.ingest.images import ingest_images, open_source
from attribase.ingest.plan import SetPlan, plan_sets
from attribase.ingest.sample import sample, sample_defaults_for
from attribase.ingest.specs import read_specs, write_specs
from attribase.ingest.world import images_path
from attribase.query import connect, evaluate
from attribase.store import InvalidInputError, content_id
from PIL import Image

IMAGES = 12


@pytest.fixture
def coco(store, tmp_path, make_picture):
    """A store with COCO's captions: five an image, of the last one only one."""
    (tmp_path / "val2017").mkdir()
    (tmp_path / "annotations").mkdir()
    images, notes = [], []
    for i in range(IMAGES):
        (tmp_path / "val2017" / f"{i:012}.png").write_bytes(make_picture(i))
        images.append({"id": i, "file_name": f"{i:012}.png"})
        texts = [f"caption {j} of {i}" for j in range(5 if i < IMAGES - 1 else 1)]
        notes += [{"id": len(notes) + j, "image_id": i, "caption": text} for j, text in enumerate(texts)]
    file = tmp_path / "annotations" / "captions_val2017.json"
    file.write_text(json.dumps({"images": images, "annotations": notes}))
    list(ingest_images(store, open_source(str(file)), "coco"))
    return store


def test_sets_train_on_one_caption_and_are_sampled_with_the_others(coco, tmp_path):
    specs = plan_sets(coco, "coco", SetPlan(sizes=(1, 5)))
    assert [spec.case_name for spec in specs] == ["set_coco_1"] * 4 + ["set_coco_5"] * 4
    assert {(spec.concept_kind, spec.method, spec.split) for spec in specs} == {("set", "captioned", "test")}
    rows = coco.read("images", ["image_id", "metadata"]).to_pylist()
    captions = {row["image_id"]: json.loads(row["metadata"])["captions"] for row in rows}
    for spec in specs:
        assert spec.training_prompts == tuple(captions[image][0] for image in spec.exemplar_ids)
        held_out = {text for image in spec.exemplar_ids for text in captions[image][1:]}
        prompts = [drawn.prompt for drawn in spec.samples]
        assert {text: prompts.count(text) for text in held_out} == dict.fromkeys(held_out, 4)
        assert len(prompts) == 4 * len(held_out) == len({drawn.seed for drawn in spec.samples})
    write_specs(tmp_path / "plan.jsonl", specs)
    assert read_specs(tmp_path / "plan.jsonl") == specs == plan_sets(coco, "coco", SetPlan(sizes=(1, 5)))
    assert specs != plan_sets(coco, "coco", SetPlan(sizes=(1, 5), seed=1))


def test_sets_of_one_size_share_images_only_where_there_are_too_few(coco):
    specs = plan_sets(coco, "coco", SetPlan(sizes=(2, 6)))
    pairs = [image for spec in specs if len(spec.exemplar_ids) == 2 for image in spec.exemplar_ids]
    assert len(set(pairs)) == len(pairs) == 8
    assert all(len(set(spec.exemplar_ids)) == 6 for spec in specs[4:])
    assert len({spec.exemplar_ids for spec in specs[4:]}) == 4


def test_controls_are_the_untouched_base_on_the_same_captions(coco):
    specs, controls = (plan_sets(coco, "coco", SetPlan((3,), method=one)) for one in ("captioned", "none"))
    assert {(one.method, one.split, one.training_prompts) for one in controls} == {("none", "control", ())}
    for spec, control in zip(specs, controls, strict=True):
        assert (spec.exemplar_ids, spec.samples) == (control.exemplar_ids, control.samples)


def test_fewer_captions_and_samples_where_they_are_named_and_one_sample_from_1000_images(coco):
    (spec, *_) = plan_sets(coco, "coco", SetPlan((5,), samples=2, captions=3))
    assert len(spec.samples) == 5 * 3 * 2
    assert [SetPlan().samples_of(size) for size in SetPlan().sizes] == [4, 4, 4, 1]


def test_what_cannot_be_planned_says_why(coco):
    with pytest.raises(InvalidInputError, match=r"a set of 12 needs as many images .* 'coco' has 11"):
        plan_sets(coco, "coco", SetPlan((12,)))
    with pytest.raises(InvalidInputError, match="sets cannot be planned by 'textual-inversion'"):
        SetPlan(method="textual-inversion")
    for sizes in ((), (0,), (2, 2)):
        with pytest.raises(InvalidInputError, match="cannot plan 4 sets of"):
            SetPlan(sizes)


@pytest.fixture
def world(store):
    """Some images of the world: a gallery of ten and nine exemplars."""
    rows = pq.read_table(images_path()).to_pylist()
    gallery = [row for row in rows if row["role"] == "gallery"][:200:20]
    exemplars = [row for row in rows if row["role"] == "object"][:180:20]
    for collection, chosen in (("gallery", gallery), ("exemplars", exemplars)):
        images = [
            {
                "image_id": content_id(row["image"]),
                "uri": f"world:{row['set']}/{row['name']}",
                "caption": row["caption"],
                "category": row["category"],
                "metadata": json.dumps({"set": row["set"], "name": row["name"]}),
                "bytes": row["image"],
            }
            for row in chosen
        ]
        store.upsert("images", images)
        store.upsert("members", [{"collection": collection, "image_id": one["image_id"]} for one in images])
    return store


def embed_pixels(store):
    """Vectors of 4 x 4 pixels, by item id."""
    vectors = {}
    for kind, table in (("image", "images"), ("sample", "samples")):
        ids = store.read(table, [f"{kind}_id"])[f"{kind}_id"].to_pylist()
        for item, data in store.blobs(table, "bytes", ids):
            pixels = Image.open(io.BytesIO(data)).convert("RGB").resize((4, 4), Image.Resampling.BOX)
            vectors[item] = (kind, np.asarray(pixels, np.float32).ravel())
    store.upsert("encoders", [{"encoder": "pixels", "dim": 48}])
    rows = [{"item_id": item, "item_kind": kind, "base": v.tolist()} for item, (kind, v) in vectors.items()]
    store.upsert(store.ensure_vectors("pixels", 48), rows)
    return {item: vector.astype(float) for item, (_, vector) in vectors.items()}


def test_recall_at_n_of_sets_of_the_world_is_what_numpy_finds(world):
    specs = [
        spec
        for method in ("captioned", "none")
        for spec in plan_sets(world, "exemplars", SetPlan((1, 3), 2, 1, 1, method=method))
    ]
    trained = defaults_for("world", "captioned").with_changes(iterations=1, iterations_per_image=1)
    list(customize(world, specs, trained, workers=0))
    list(sample(world, specs, "world", sample_defaults_for("world").with_changes(steps=1), workers=0))
    vectors = embed_pixels(world)
    list(evaluate(world))

    unit = {item: vector / np.linalg.norm(vector) for item, vector in vectors.items()}
    gallery = world.read("members", ["image_id"], "collection = 'gallery'")["image_id"].to_pylist()
    models = {row["model_id"]: row for row in world.read("models").to_pylist()}
    recalls: dict[tuple[str, int], dict[str, list[float]]] = {}
    for row in world.read("samples").to_pylist():
        model = models[row["model_id"]]
        exemplars = model["exemplar_ids"]
        pool = sorted(gallery + exemplars, key=lambda item: -unit[item] @ unit[row["sample_id"]])
        recall = len(set(pool[: len(exemplars)]) & set(exemplars)) / len(exemplars)
        of_size = recalls.setdefault((model["split"], len(exemplars)), {})
        of_size.setdefault(row["model_id"], []).append(recall)

    found = connect(world.uri).sql("from metrics_sets").to_arrow_table().to_pylist()
    assert {(row["split"], row["size"]) for row in found} == set(recalls)
    assert {(split, size) for split, size in recalls} == {
        (split, size) for split in ("test", "control") for size in (1, 3)
    }
    for row in found:
        means = [np.mean(of_model) for of_model in recalls[row["split"], row["size"]].values()]
        assert (row["models"], row["samples"]) == (2, 2 * row["size"])
        assert row["recall_n"] == pytest.approx(np.mean(means))
        half = 12.706 * np.std(means, ddof=1) / np.sqrt(2)
        assert row["low"] == pytest.approx(max(0, np.mean(means) - half))
        assert row["high"] == pytest.approx(min(1, np.mean(means) + half))
        assert row["chance"] == pytest.approx(row["size"] / (10 + row["size"]))
