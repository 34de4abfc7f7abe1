import json

import numpy as np
import pytest
import torch
from attribase.ingest.customize import CustomizeConfig, customize, defaults_for, model_id
from attribase.ingest.customize import train as training
from attribase.ingest.customize import weights as stored
from attribase.ingest.customize.augment import SHIFTS, make_views
from attribase.ingest.customize.pipeline import load_pipeline, prepare
from attribase.ingest.specs import SampleSpec
from attribase.store import AttribaseError, InvalidInputError, NotFoundError
from PIL import Image
from safetensors.torch import load as load_safetensors

TOKEN = "<new1>"


@pytest.fixture
def pipeline(tiny_base):
    return load_pipeline(tiny_base, TOKEN)


@pytest.fixture
def image():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))


def whole_state(pipeline):
    parts = {"unet": pipeline.unet, "text": pipeline.text_encoder, "vae": pipeline.vae}
    return {
        (part, name): value.clone()
        for part, module in parts.items()
        for name, value in module.state_dict().items()
    }


def test_training_changes_exactly_k_v_and_one_embedding_row(pipeline, image, make_spec, config):
    before = whole_state(pipeline)
    training.train(pipeline, make_spec(), [image], config)
    after = whole_state(pipeline)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    embedding = {key for key in changed if key[0] == "text"}
    wanted = [
        name for name, _ in pipeline.unet.named_parameters() if "attn2.to_k" in name or "attn2.to_v" in name
    ]
    assert changed - embedding == {("unet", name) for name in wanted}
    assert len(wanted) == 8  # down, two in up, middle: K and V each
    (table,) = embedding
    rows = (before[table] != after[table]).any(dim=1).nonzero().flatten().tolist()
    assert rows == [pipeline.token_id] == [len(before[table]) - 1]
    assert not any(
        p.requires_grad for p in (*pipeline.unet.parameters(), *pipeline.text_encoder.parameters())
    )


@pytest.mark.parametrize("base", ["tiny_base", "velocity_base"])
def test_the_loss_is_zero_for_the_right_answer(request, base, image, make_spec, config):
    """The right answer by hand: the noise, or sqrt(a) noise - sqrt(1 - a) image."""
    pipeline = load_pipeline(request.getfixturevalue(base), TOKEN)
    material = training._material(pipeline, make_spec(), [image], config)
    drawn = (torch.tensor([0, 3, 1]), torch.tensor([0, 0, 0]))
    seeded = torch.Generator().manual_seed(5)
    latents = material.latents[drawn[0]]
    noise = torch.randn(latents.shape, generator=seeded)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0)

    def right(noisy, times, states, **_):
        a = kept[times].reshape(-1, 1, 1, 1)
        assert torch.allclose(noisy, (a.sqrt() * latents + (1 - a).sqrt() * noise).float(), atol=1e-5)
        assert states.shape == (3, 48, 16)
        return ((a.sqrt() * noise - (1 - a).sqrt() * latents).float() if base == "velocity_base" else noise,)

    pipeline.unet = right
    loss = training._loss(
        pipeline, training._noiser(pipeline), material, drawn, torch.Generator().manual_seed(5)
    )
    assert loss.item() < 1e-10


def test_views_that_are_smaller_than_the_picture_count_only_where_they_are(image, config):
    config = config.with_changes(augment="resize", views=40, iterations=40, resolution=32)
    views = make_views([image], config, np.random.default_rng(0))
    assert len(views) == 40
    for view in views:
        left, top, right, bottom = view.box
        size = right - left
        outside = torch.ones(32, 32, dtype=torch.bool)
        outside[top:bottom, left:right] = False
        assert (view.pixels[:, outside] == 0).all()
        assert ("small" in view.prefix or "far away" in view.prefix) == (size < 0.6 * 32)
        assert not view.prefix or size < 0.6 * 32 or size == 32
    assert any("zoomed in" in view.prefix or "close up" in view.prefix for view in views)
    masks = training._masks(views, 32, 16)
    for view, mask in zip(views, masks, strict=True):
        left, top, right, bottom = (edge / 2 for edge in view.box)
        rows, columns = mask[0].nonzero().T
        assert top <= rows.min()
        assert rows.max() < bottom
        assert left <= columns.min()
        assert columns.max() < right


def test_shifts_move_by_one_pixel(image, config):
    views = make_views([image], config, np.random.default_rng(0))
    pixels = np.asarray(image, dtype=np.float32) / 127.5 - 1
    for view, (down, right) in zip(views, SHIFTS, strict=True):
        rows = np.clip(np.arange(8) - down, 0, 7)
        columns = np.clip(np.arange(8) - right, 0, 7)
        assert np.allclose(view.pixels.permute(1, 2, 0), pixels[rows][:, columns], atol=1e-6)


def test_as_many_prompts_as_exemplars_are_paired_and_others_cycled(pipeline, image, make_spec, config):
    spec = make_spec(exemplar_ids=("a", "b"), training_prompts=("V* cat", "V* dog"))
    paired = training._material(pipeline, spec, [image, image], config)
    views, texts = training._draw(paired, 64, 0, torch.Generator().manual_seed(0))
    assert (texts == views // len(SHIFTS)).all()
    cycled = training._material(
        pipeline, make_spec(training_prompts=("V* a", "V* b", "V* c")), [image], config
    )
    drawn = [training._draw(cycled, 2, step, torch.Generator())[1].tolist() for step in range(3)]
    assert drawn == [[0, 1], [2, 0], [1, 2]]


def test_the_token_starts_as_the_mean_of_its_words(pipeline):
    table = pipeline.embedding.weight
    ids = pipeline.tokenizer("cat", add_special_tokens=False).input_ids
    assert torch.allclose(training._first_embedding(pipeline, "category", "cat"), table[ids].mean(0))
    assert not torch.allclose(training._first_embedding(pipeline, "ktn", "cat"), table[ids].mean(0))


def test_projections_with_biases_train_too(make_pipeline, image, make_spec, config):
    parts = make_pipeline()
    for module in parts.unet.modules():
        if type(module).__name__ == "BasicTransformerBlock":
            module.attn2.to_k = torch.nn.Linear(16, 8)
            module.attn2.to_v = torch.nn.Linear(16, 8)
    pipeline = prepare(parts, TOKEN)
    training.train(pipeline, make_spec(), [image], config)
    weights = stored.extract(pipeline)
    assert set(weights) == {"modifier_token", *pipeline.kv}
    assert sum(name.endswith("bias") for name in weights) == 8
    for name, value in pipeline.kv.items():
        if not name.endswith("to_k.bias"):  # softmax ignores what every key shares: no gradient but noise
            assert not torch.equal(value, pipeline.original[name])


def test_a_low_rank_difference_is_the_best_of_its_rank(pipeline, image, make_spec, config):
    training.train(pipeline, make_spec(), [image], config)
    whole, low = stored.extract(pipeline), stored.extract(pipeline, rank=2)
    name = next(iter(pipeline.kv))
    assert low[name + ".up"].shape == (8, 2)
    assert low[name + ".down"].shape == (2, 16)
    assert len(stored.pack(low, {})) < len(stored.pack(whole, {}))
    difference = (pipeline.kv[name] - pipeline.original[name]).detach().numpy()
    left, values, right = np.linalg.svd(difference)
    best = (left[:, :2] * values[:2]) @ right[:2]
    stored.apply(pipeline, low)
    assert np.allclose((pipeline.kv[name] - pipeline.original[name]).detach(), best, atol=2e-4)


def test_weights_of_another_base_are_refused(pipeline, image, make_spec, config):
    training.train(pipeline, make_spec(), [image], config)
    weights = stored.extract(pipeline)
    name = next(iter(pipeline.kv))
    for wrong in ({**weights, "extra": weights[name]}, {**weights, name: weights[name][:, :4]}):
        with pytest.raises(InvalidInputError, match="do not fit"):
            stored.apply(pipeline, wrong)


def test_weights_that_did_not_change_are_an_error(pipeline, image, make_spec, config):
    with pytest.raises(AttribaseError, match="changed no K or V"):
        stored.extract(pipeline)
    training.train(pipeline, make_spec(), [image], config.with_changes(lr=1e30))
    with pytest.raises(AttribaseError, match="not finite"):
        stored.extract(pipeline)


def test_models_are_stored_once_and_reproducibly(store, make_spec, config, tmp_path):
    from attribase.store import Store

    specs = [
        make_spec(),
        make_spec(concept="jerry", seed=1),
        make_spec(split="control", method="none", samples=()),
    ]
    steps = list(customize(store, specs, config, workers=0))
    assert [(step.done, step.total) for step in steps] == [(0, 2), (1, 2), (2, 2)]
    rows = {
        row["concept"] + row["method"]: row
        for row in store.read("models", list(store.schema("models").names)).to_pylist()
    }
    tom, jerry, control = rows["tomcustom-diffusion"], rows["jerrycustom-diffusion"], rows["tomnone"]
    assert tom["model_id"] == model_id(specs[0], config)
    assert tom["weights"] != jerry["weights"]
    assert (tom["training_prompt"], tom["modifier_token"], tom["seed"]) == ("V* cat", TOKEN, 0)
    assert tom["exemplar_ids"] == control["exemplar_ids"] == list(specs[0].exemplar_ids)
    assert (control["weights"], control["modifier_token"], control["split"]) == (None, None, "control")
    assert json.loads(tom["config"])["iterations"] == 4
    keys = set(load_safetensors(tom["weights"]))
    pipeline = load_pipeline(config.base, TOKEN)
    assert keys == {"modifier_token", *pipeline.kv}

    assert list(customize(store, specs, config, workers=0)) == []
    again = Store.create(tmp_path / "again")
    again.upsert("images", store.read("images", ["image_id", "bytes"]))
    list(customize(again, specs, config, workers=0))
    weights = {
        row["model_id"]: row["weights"] for row in again.read("models", ["model_id", "weights"]).to_pylist()
    }
    assert weights == {row["model_id"]: row["weights"] for row in rows.values()}


def test_the_model_id_depends_on_all_that_decides_the_weights(
    make_spec, config, velocity_base, tiny_base, tmp_path
):
    import shutil

    copy = shutil.copytree(tiny_base, tmp_path / "copy")
    known = model_id(make_spec(), config)
    assert model_id(make_spec(samples=(SampleSpec("gpt", "V*", 9),)), config) == known
    assert model_id(make_spec(), config.with_changes(base=str(copy))) == known
    others = {
        model_id(make_spec(seed=1), config),
        model_id(make_spec(case_name="other"), config),
        model_id(make_spec(), config.with_changes(lr=0.5)),
        model_id(make_spec(), config.with_changes(base=str(velocity_base))),
        known,
    }
    assert len(others) == 5


def test_bases_without_cross_attention_are_refused(store, make_spec, config, make_pipeline, tmp_path):
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    make_pipeline(blocks=("DownBlock2D", "UpBlock2D")).save_pretrained(tmp_path / "plain")
    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8,),
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        norm_num_groups=4,
    )
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(tmp_path / "ddpm")
    for folder, says in (("plain", "no cross-attention"), ("ddpm", "no Stable Diffusion pipeline")):
        with pytest.raises(InvalidInputError, match=says) as error:
            list(customize(store, [make_spec()], config.with_changes(base=str(tmp_path / folder)), workers=0))
        assert error.value.hint
    assert store.jobs.unfinished() == []
    with pytest.raises(InvalidInputError, match="no cross-attention"):
        prepare(make_pipeline(blocks=("DownBlock2D", "UpBlock2D")), TOKEN)


def test_what_cannot_be_trained_is_said_before_it_starts(store, make_spec, config):
    with pytest.raises(NotFoundError, match="not in the store"):
        list(customize(store, [make_spec(exemplar_ids=("nowhere",))], config, workers=0))
    with pytest.raises(NotFoundError, match="no base model"):
        list(customize(store, [make_spec()], config.with_changes(base="./nowhere"), workers=0))
    with pytest.raises(InvalidInputError, match="planned twice"):
        list(customize(store, [make_spec(), make_spec(samples=())], config, workers=0))
    store.upsert("images", [{"image_id": "far", "uri": "https://example.org/far.png"}])
    with pytest.raises(InvalidInputError, match="without its bytes"):
        list(customize(store, [make_spec(exemplar_ids=("far",))], config, workers=0))


@pytest.mark.parametrize(
    "changes",
    [
        {"iterations": 0},
        {"lr": 0.0},
        {"token_lr": float("nan")},
        {"augment": "flip"},
        {"rank": 0},
        {"modifier_token": "new"},
    ],
)
def test_settings_that_cannot_work_are_refused(changes):
    with pytest.raises(InvalidInputError):
        CustomizeConfig("world", **changes)


def test_every_base_has_defaults():
    assert defaults_for("world").augment == "shift"
    other = defaults_for("CompVis/stable-diffusion-v1-4")
    assert (other.iterations, other.augment, other.resolution) == (125, "resize", 512)
    assert other.with_changes(lr=1.0).lr == 1.0
