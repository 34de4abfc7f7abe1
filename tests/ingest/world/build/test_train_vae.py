import pytest
import torch
from attribase.ingest.world.build.drawing import load_looks
from attribase.ingest.world.build.latents import pixels_of
from attribase.ingest.world.build.networks import NetworkSize, new_vae
from attribase.ingest.world.build.train_vae import standardise, train_vae, vae_config, vae_loss
from attribase.ingest.world.build.training import Budget
from attribase.store.errors import ConflictError

pytestmark = pytest.mark.filterwarnings("ignore")


def numbers_of(folder):
    return torch.load(folder / "vae.pt", weights_only=True)["numbers"]


@pytest.fixture
def fresh(work, tmp_path):
    """A work folder with looks but no VAE."""
    (tmp_path / "looks").symlink_to(work / "looks")
    return tmp_path


def test_on_a_gpu_a_loss_neither_waits_for_it_nor_mixes_devices():
    """As a CUDA graph needs; checked without a GPU, on tensors that have a device but no values."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True):
        with torch.device("cuda"):
            vae = new_vae(NetworkSize())
            images = torch.zeros(8, 64, 64, 3, dtype=torch.uint8)
        loss, error = vae_loss(vae, pixels_of(images))
        assert (loss.device.type, error.device.type) == ("cuda", "cuda")


def test_standardising_leaves_reconstructions_alone_and_makes_latents_unit(work):
    images = torch.from_numpy(load_looks(work).images).flatten(0, 1)
    torch.manual_seed(0)
    vae = new_vae(NetworkSize(32)).eval()
    with torch.no_grad():
        before = vae.decode(vae.encode(pixels_of(images)).latent_dist.mean).sample
        standardise(vae, images)
        latents = vae.encode(pixels_of(images)).latent_dist.mean
        after = vae.decode(latents).sample
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(16), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(16), atol=1e-3, rtol=0)


def test_a_budget_in_steps_is_used_exactly_and_a_finished_training_is_not_repeated(fresh):
    for _ in range(2):
        list(train_vae(fresh, vae_config(Budget(minutes=8, steps=4), batch=4)))
        assert numbers_of(fresh)["step"] == 4
    weights = (fresh / "vae" / "diffusion_pytorch_model.safetensors").read_bytes()
    list(train_vae(fresh, vae_config(Budget(minutes=8, steps=4), batch=4)))
    assert (fresh / "vae" / "diffusion_pytorch_model.safetensors").read_bytes() == weights


def test_the_vae_learns(fresh):
    list(train_vae(fresh, vae_config(Budget(minutes=8, steps=8), batch=4)))
    early = numbers_of(fresh)["error"]
    list(train_vae(fresh, vae_config(Budget(minutes=8, steps=16), batch=4)))
    assert numbers_of(fresh)["images"] == 64
    assert numbers_of(fresh)["error"] < early


def test_a_checkpoint_of_another_width_is_refused(fresh):
    list(train_vae(fresh, vae_config(Budget(minutes=8, steps=1), batch=2)))
    with pytest.raises(ConflictError) as other:
        list(train_vae(fresh, vae_config(Budget(minutes=8, steps=2), batch=2), width=2))
    assert "width 1" in str(other.value)
    assert "delete" in other.value.hint
