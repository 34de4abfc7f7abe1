"""Plans over a person's own exemplars."""

import pytest
from attribase.ingest.plan import plan_models, write_plan
from attribase.ingest.specs import read_specs, write_specs
from attribase.store import ConflictError, InvalidInputError, Store


@pytest.fixture
def store(tmp_path):
    store = Store.create(tmp_path / "store")
    images = [
        {
            "image_id": f"{i:02}",
            "uri": f"{i}.png",
            "caption": f"thing {i}",
            "category": "toy",
            "creator": "ab"[i % 2],
        }
        for i in range(30)
    ]
    store.upsert("images", images)
    store.upsert("members", [{"collection": "exemplars", "image_id": row["image_id"]} for row in images])
    return store


def test_objects_are_one_image_a_model_split_over_models(store):
    specs = plan_models(store, "exemplars", "object")
    assert sorted(spec.exemplar_ids for spec in specs) == [(f"{i:02}",) for i in range(30)]
    assert [sum(spec.split == name for spec in specs) for name in ("train", "val", "test")] == [21, 3, 6]


def test_styles_are_five_to_ten_images_of_one_creator(store):
    specs = plan_models(store, "exemplars", "style")
    for spec in specs:
        assert 5 <= len(spec.exemplar_ids) <= 10
        assert {int(item) % 2 for item in spec.exemplar_ids} == {"ab".index(spec.concept)}


def test_test_prompts_are_not_train_prompts(store, tmp_path):
    captions = tmp_path / "captions.txt"
    captions.write_text("\n".join(f"{{concept}} in place {i}" for i in range(9)))
    specs = plan_models(store, "exemplars", "object", prompts_file=captions)
    prompts = {
        side: {s.prompt for spec in specs if (spec.split == "test") is side for s in spec.samples}
        for side in (True, False)
    }
    assert not prompts[True] & prompts[False]
    assert {sample.scheme for spec in specs for sample in spec.samples} == {"gpt", "media"}


def test_the_same_seed_gives_the_same_plan_and_its_file_reads_back_equal(store, tmp_path):
    specs = plan_models(store, "exemplars", "object", seed=3)
    write_specs(tmp_path / "plan.jsonl", specs)
    assert read_specs(tmp_path / "plan.jsonl") == specs == plan_models(store, "exemplars", "object", seed=3)
    assert specs != plan_models(store, "exemplars", "object", seed=4)


def test_an_empty_collection_and_captions_without_a_slot_are_errors(store, tmp_path):
    with pytest.raises(InvalidInputError, match="nothing to plan"):
        plan_models(store, "nowhere", "object")
    (tmp_path / "captions.txt").write_text("no slot here")
    with pytest.raises(InvalidInputError, match="caption 1"):
        plan_models(store, "exemplars", "object", prompts_file=tmp_path / "captions.txt")


def test_a_style_without_creators_is_an_error_that_counts_them(store):
    store.upsert("members", [{"collection": "few", "image_id": f"{i:02}"} for i in range(5)])
    with pytest.raises(InvalidInputError, match="nothing to plan") as raised:
        plan_models(store, "few", "style")
    assert "5 of 5 images have one, at most 3 the same" in raised.value.hint


def test_braces_other_than_the_concept_are_text(store, tmp_path):
    captions = tmp_path / "captions.txt"
    captions.write_text("{concept} on a {mat}\n{concept} :}\n{{concept}} {0} {concept!r}\n")
    specs = plan_models(store, "exemplars", "object", prompts_file=captions)
    prompts = {s.prompt for spec in specs for s in spec.samples if s.scheme == "gpt"}
    assert prompts == {"V* toy on a {mat}", "V* toy :}", "{V* toy} {0} {concept!r}"}


@pytest.mark.parametrize(
    "data",
    [
        "{concept} café\n".encode(),
        "\ufeff{concept} café\r\n".encode(),
        "{concept} café\n".encode("latin-1"),
        "{concept} café\n".encode("utf-16"),
    ],
    ids=["utf-8", "utf-8 with mark", "latin-1", "utf-16"],
)
def test_captions_may_be_in_any_encoding(store, tmp_path, data):
    (tmp_path / "captions.txt").write_bytes(data)
    specs = plan_models(store, "exemplars", "object", prompts_file=tmp_path / "captions.txt")
    assert {s.prompt for spec in specs for s in spec.samples if s.scheme == "gpt"} == {"V* toy café"}


def test_a_caption_without_a_slot_is_named_by_its_line(store, tmp_path):
    captions = tmp_path / "captions.txt"
    captions.write_text("{concept}\n\n\nno slot\n")
    with pytest.raises(InvalidInputError, match=r"captions.txt, line 4: caption 2 has no \{concept\}"):
        plan_models(store, "exemplars", "object", prompts_file=captions)


def test_an_edited_plan_is_not_overwritten_unless_asked_for(store, tmp_path):
    path = tmp_path / "plan.jsonl"
    first, second = (plan_models(store, "exemplars", "object", seed=seed) for seed in (1, 2))
    write_plan(store, path, first)
    write_plan(store, path, second)  # nobody edited it
    assert read_specs(path) == second
    path.write_text(path.read_text().replace("thing 3", "the third thing"))
    edited = path.read_text()
    for specs in (first, second):
        with pytest.raises(ConflictError, match=r"plan\.jsonl was edited") as raised:
            write_plan(store, path, specs)
        assert "--overwrite" in raised.value.hint
        assert path.read_text() == edited
    write_plan(store, path, first, overwrite=True)
    assert read_specs(path) == first
    assert store.jobs.unfinished() == []
