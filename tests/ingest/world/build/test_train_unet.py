import math
import shutil

import pytest
import torch
from attribase.ingest.diffusion import load_pipeline, tokenize
from attribase.ingest.world import model_path
from attribase.ingest.world.build.export import export_model
from attribase.ingest.world.build.networks import NetworkSize, new_scheduler, new_text_encoder, new_unet
from attribase.ingest.world.build.tokenizer import load_tokenizer
from attribase.ingest.world.build.train_unet import (
    PLAIN,
    VelocityObjective,
    causal_mask,
    train_unet,
    unet_config,
)
from attribase.ingest.world.build.training import Budget
from attribase.store.errors import ConflictError

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def fresh(work, tmp_path):
    """A copy of the work folder that nothing was trained in."""
    return shutil.copytree(work, tmp_path / "work")


def config_of(steps: int, batch: int = 8):
    return unet_config(Budget(minutes=6.5, steps=steps), batch)


def numbers_of(folder):
    return torch.load(folder / "unet.pt", weights_only=True)["numbers"]


@pytest.mark.slow
def test_the_unet_learns_resumes_where_it_stopped_and_exports_a_pipeline_that_draws(fresh, tmp_path):
    notes = [step.note for step in train_unet(fresh, config_of(60))]
    numbers = numbers_of(fresh)
    assert notes
    assert math.isfinite(numbers["error"])
    assert numbers["images"] == numbers["step"] * 8

    list(train_unet(fresh, config_of(120)))
    resumed = numbers_of(fresh)
    assert (numbers["step"], resumed["step"]) == (60, 120)
    assert numbers["error"] < 1.3
    assert resumed["error"] < numbers["error"] + 0.02

    exported = export_model(fresh, tmp_path / "model")
    assert exported["step"] == resumed["step"]
    image = load_pipeline(tmp_path / "model")("tomato", num_inference_steps=2).images[0]
    assert image.size == (32, 32)
    weights = next((tmp_path / "model" / "unet").glob("*.safetensors"))
    assert weights.stat().st_size < 10_000_000  # fp16


def test_a_finished_training_changes_nothing_when_run_again(fresh):
    list(train_unet(fresh, config_of(2, batch=2)))
    before = numbers_of(fresh)
    assert list(train_unet(fresh, config_of(2, batch=2))) == []
    assert numbers_of(fresh) == before


def test_a_checkpoint_of_another_vae_is_neither_continued_nor_exported(fresh, tmp_path):
    list(train_unet(fresh, config_of(1, batch=2)))
    weights = fresh / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(ConflictError) as other:
        export_model(fresh, tmp_path / "model")
    assert "vae" in str(other.value)


def objective_on(device: str, tokens: torch.Tensor, batch: int) -> VelocityObjective:
    tokenizer = load_tokenizer(model_path() / "tokenizer")
    with torch.device(device):
        unet, text = new_unet(NetworkSize()), new_text_encoder(tokenizer, NetworkSize())
        latents = torch.randn(len(tokens), tokens.shape[1], 16, 8, 8).half()
    return VelocityObjective(unet, text, latents, tokens, batch, new_scheduler())


def test_a_batch_is_latents_with_tokens_of_their_own_look_and_a_quarter_plain():
    tokens = torch.arange(5 * 4 * 3, dtype=torch.int16).view(5, 4, 3, 1).expand(5, 4, 3, 20)
    objective = objective_on("cpu", tokens, batch=4000)
    latents, ids = objective.draw_batch()
    icon, look = ids[:, 0] // 12, ids[:, 0] // 3 % 4
    assert torch.equal(latents, objective.latents[icon, look].float())
    assert (look == 0).float().mean().item() == pytest.approx(PLAIN + (1 - PLAIN) / 4, abs=0.03)
    assert ids.unique(dim=0).shape[0] == 60


def test_the_mask_is_the_one_that_the_text_encoder_builds():
    tokenizer = load_tokenizer(model_path() / "tokenizer")
    torch.manual_seed(0)
    text = new_text_encoder(tokenizer, NetworkSize()).eval()
    tokens = tokenize(tokenizer, ["a cat in the snow", ""])
    with torch.no_grad():
        own = text(tokens).last_hidden_state
        given = text(tokens, attention_mask=causal_mask(tokens)).last_hidden_state
    torch.testing.assert_close(given, own)


def test_on_a_gpu_a_step_neither_waits_for_it_nor_mixes_devices():
    """As a CUDA graph needs; checked without a GPU, on tensors that have a device but no values."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True):
        tokens = torch.zeros(5, 4, 3, 20, dtype=torch.int16, device="cuda")
        objective = objective_on("cuda", tokens, batch=8)
        loss, error = objective()
        assert (loss.device.type, error.device.type) == ("cuda", "cuda")
