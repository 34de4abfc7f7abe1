"""The untouched base on captions: the baseline without adding one in."""

import pytest
from attribase.ingest.plan import plan_models, plan_untouched
from attribase.store import InvalidInputError, Store


@pytest.fixture
def store(tmp_path):
    store = Store.create(tmp_path / "store")
    rows = [
        {
            "image_id": f"{i:02}",
            "uri": f"{i}.png",
            "caption": f"a red toy number {i}",
            "category": "toy",
            "creator": "ab"[i % 2],
        }
        for i in range(20)
    ]
    store.upsert("images", rows)
    store.upsert("members", [{"collection": "exemplars", "image_id": row["image_id"]} for row in rows])
    return store


def test_captions_stand_where_v_star_stood_in_splits_of_their_own(store):
    specs = plan_models(store, "exemplars", "object")
    untouched = plan_untouched(store, specs)
    learned = [spec for spec in specs if spec.split != "test"]
    assert len(untouched) == len(learned) == 16
    for spec, own in zip(learned, untouched, strict=True):
        assert (own.method, own.split, own.training_prompts) == ("none", f"untouched-{spec.split}", ())
        assert own.case_name == "object_exemplars_untouched"
        assert own.exemplar_ids == spec.exemplar_ids
        caption = f"a red toy number {int(spec.exemplar_ids[0])}"
        for before, after in zip(spec.samples, own.samples, strict=True):
            assert after.prompt == before.prompt.replace("V* toy", caption)
            assert (after.scheme, after.seed) == (before.scheme, before.seed)


def test_the_exemplars_of_a_style_take_turns(store):
    for spec in plan_untouched(store, plan_models(store, "exemplars", "style", samples=25)):
        found = [sample.prompt.rpartition(" in the style of ")[2] for sample in spec.samples]
        own = [f"a red toy number {int(image)}" for image in spec.exemplar_ids]
        assert found == (own * 5)[:25]


def test_an_exemplar_without_a_caption_is_an_error_where_blip_is_not_there(store, monkeypatch):
    monkeypatch.setattr("attribase.ingest.embed.captions.Captions._load_captioner", lambda _: False)
    store.upsert("images", [{"image_id": "03", "uri": "3.png", "caption": ""}], update=True)
    specs = plan_models(store, "exemplars", "object", seed=2)
    assert any(spec.exemplar_ids == ("03",) and spec.split != "test" for spec in specs)
    with pytest.raises(InvalidInputError, match="1 exemplars have no caption, the first is 03"):
        plan_untouched(store, specs)
