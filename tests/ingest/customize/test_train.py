import pytest
import torch
from attribase.ingest.customize import train as training
from attribase.ingest.customize import weights as stored
from attribase.ingest.customize.augment import SHIFTS
from attribase.ingest.customize.generator import load_generator, prepare_generator
from attribase.ingest.customize.methods import METHODS, LoraConfig

TOKEN = "<new1>"


def whole_state(generator):
    parts = {"unet": generator.unet, "text": generator.text_encoder, "vae": generator.vae}
    return {
        (part, name): value.clone()
        for part, module in parts.items()
        for name, value in module.state_dict().items()
    }


def test_training_changes_exactly_k_v_and_one_embedding_row(generator, image, make_spec, config):
    before = whole_state(generator)
    training.train(generator, make_spec(), [image], config)
    after = whole_state(generator)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    embedding = {key for key in changed if key[0] == "text"}
    wanted = [
        name for name, _ in generator.unet.named_parameters() if "attn2.to_k" in name or "attn2.to_v" in name
    ]
    assert changed - embedding == {("unet", name) for name in wanted}
    assert len(wanted) == 8  # down, two in up, middle: K and V each
    (table,) = embedding
    rows = (before[table] != after[table]).any(dim=1).nonzero().flatten().tolist()
    assert rows == [generator.token_id] == [len(before[table]) - 1]
    assert not any(
        p.requires_grad for p in (*generator.unet.parameters(), *generator.text_encoder.parameters())
    )


@pytest.mark.parametrize("base", ["tiny_base", "velocity_base"])
def test_the_loss_is_zero_for_the_right_answer(request, base, image, make_spec, config):
    """The right answer by hand: the noise, or sqrt(a) noise - sqrt(1 - a) image."""
    generator = load_generator(request.getfixturevalue(base), TOKEN)
    data = training._build_training_set(generator, make_spec(), [image], config)
    drawn = (torch.tensor([0, 3, 1]), torch.tensor([0, 0, 0]))
    seeded = torch.Generator().manual_seed(5)
    latents = data.latents[drawn[0]]
    noise = torch.randn(latents.shape, generator=seeded)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0)

    def right(noisy, times, states, **_):
        a = kept[times].reshape(-1, 1, 1, 1)
        assert torch.allclose(noisy, (a.sqrt() * latents + (1 - a).sqrt() * noise).float(), atol=1e-5)
        assert states.shape == (3, 48, 16)
        return ((a.sqrt() * noise - (1 - a).sqrt() * latents).float() if base == "velocity_base" else noise,)

    generator.unet = right
    loss = training._loss(generator, data, drawn, torch.Generator().manual_seed(5))
    assert loss.item() < 1e-10


def test_a_step_follows_the_mean_gradient_of_its_batches(generator, image, make_spec, tiny_base, monkeypatch):
    """Slopes of 3 and -1: their mean is positive, the last one alone is not."""
    config = LoraConfig(str(tiny_base), iterations=1, lr=0.5, resolution=8, accumulate=2)
    data = training._build_training_set(generator, make_spec(), [image], config)
    weight, slopes = torch.nn.Parameter(torch.zeros(1)), iter((3.0, -1.0))
    monkeypatch.setattr(training, "_loss", lambda *_: (weight * next(slopes)).sum())
    groups = [{"params": [weight], "lr": config.lr, "weight_decay": 0.0}]
    training._optimise(generator, groups, [(data, 1.0)], config, torch.Generator())
    assert weight.item() == pytest.approx(-0.5)
    assert weight.grad.item() == 1


def test_as_many_prompts_as_exemplars_are_paired_and_others_cycled(generator, image, make_spec, config):
    spec = make_spec(exemplar_ids=("a", "b"), training_prompts=("V* cat", "V* dog"))
    paired = training._build_training_set(generator, spec, [image, image], config)
    views, texts = paired.draw_batch(64, 0, torch.Generator().manual_seed(0))
    assert (texts == views // len(SHIFTS)).all()
    cycled = training._build_training_set(
        generator, make_spec(training_prompts=("V* a", "V* b", "V* c")), [image], config
    )
    drawn = [cycled.draw_batch(2, step, torch.Generator())[1].tolist() for step in range(3)]
    assert drawn == [[0, 1], [2, 0], [1, 2]]


def test_twice_as_many_prompts_as_exemplars_give_each_of_them_two_in_turn(
    generator, image, make_spec, config
):
    spec = make_spec(
        exemplar_ids=("a", "b"), training_prompts=("V* one", "V* two", "V* once more", "V* again")
    )
    data = training._build_training_set(generator, spec, [image, image], config)
    views, texts = data.draw_batch(64, 0, torch.Generator().manual_seed(0))
    exemplars = views // len(SHIFTS)
    assert set(exemplars.tolist()) == {0, 1}
    wanted = exemplars + 2 * (torch.arange(64) % 2)
    assert texts.tolist() == wanted.tolist()


def test_projections_with_biases_train_too(make_pipeline, image, make_spec, config):
    parts = make_pipeline()
    for module in parts.unet.modules():
        if type(module).__name__ == "BasicTransformerBlock":
            module.attn2.to_k = torch.nn.Linear(16, 8)
            module.attn2.to_v = torch.nn.Linear(16, 8)
    generator = prepare_generator(parts, TOKEN)
    training.train(generator, make_spec(), [image], config)
    weights = stored.extract(generator)
    assert set(weights) == {"modifier_token", *generator.kv}
    assert sum(name.endswith("bias") for name in weights) == 8
    for name, value in generator.kv.items():
        if not name.endswith("to_k.bias"):  # softmax ignores what every key shares: no gradient but noise
            assert not torch.equal(value, generator.original[name])


@pytest.mark.parametrize(
    ("device", "size", "trained", "saves"),
    [
        ("cpu", 12e9, 12e9, False),
        ("cuda", 0.86e9, 2e7, False),  # K and V of Stable Diffusion 1.x
        ("cuda", 0.86e9, 0.86e9, True),  # all of it
        ("cuda", 2.6e9, 6e6, True),  # LoRA on SDXL
    ],
)
def test_large_networks_and_whole_ones_save_memory(device, size, trained, saves):
    assert training.must_save_memory(device, int(size), int(trained)) is saves


@pytest.mark.parametrize(("method", "kind"), [("dreambooth", "sd"), ("lora", "sd3"), ("lora", "flux")])
def test_saving_memory_changes_no_gradient(image, make_spec, kind_bases, monkeypatch, method, kind):
    found, settings = [], {"iterations": 2, "lr": 1e-2, "batch_size": 1, "resolution": 8}
    for saves in (False, True):
        monkeypatch.setattr(training, "must_save_memory", lambda *_, saves=saves: saves)
        generator = load_generator(kind_bases(kind), TOKEN)
        config = METHODS[method].config(str(kind_bases(kind)), **settings)
        training.train(generator, make_spec(method=method), [image], config)
        found.append(METHODS[method].extract(generator, config))
        assert not generator.network.is_gradient_checkpointing
    assert found[0].keys() == found[1].keys()
    for name in found[0].keys() - {"sha256"}:
        assert torch.allclose(found[0][name].float(), found[1][name].float(), atol=1e-3)


@pytest.mark.parametrize("kind", ["sd", "sdxl", "sd3", "flux"])
def test_the_noise_schedule_is_made_once_for_all_steps_and_models(
    kind_bases, image, make_spec, kind, monkeypatch
):
    import diffusers

    name = "DDPMScheduler" if kind in ("sd", "sdxl") else "FlowMatchEulerDiscreteScheduler"
    made, scheduler = [], getattr(diffusers, name)
    original = scheduler.from_config
    monkeypatch.setattr(
        scheduler, "from_config", lambda *args, **options: made.append(args) or original(*args, **options)
    )
    generator = load_generator(kind_bases(kind), TOKEN)
    made.clear()
    for seed in (0, 1):
        spec = make_spec(method="lora", seed=seed)
        training.train(
            generator, spec, [image], LoraConfig("any", iterations=3, resolution=8, augment="none")
        )
    assert len(made) == 1
