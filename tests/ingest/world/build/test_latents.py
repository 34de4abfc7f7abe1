import shutil

import numpy as np
import pytest
import torch
from attribase.ingest.diffusion import encode_latents
from attribase.ingest.world.build.drawing import DrawConfig, draw_looks, load_looks
from attribase.ingest.world.build.latents import encode_looks, load_latents, pixels_of
from attribase.store.errors import ConflictError, NotFoundError
from diffusers import AutoencoderKL

pytestmark = pytest.mark.filterwarnings("ignore")


def test_latents_are_those_of_every_look(work):
    latents = load_latents(work)
    assert tuple(latents.values.shape) == (12, 3, 16, 4, 4)
    assert tuple(latents.tokens.shape) == (12, 3, 2, 20)
    vae = AutoencoderKL.from_pretrained(work / "vae").eval()
    image = torch.from_numpy(load_looks(work).images[7, 2:])
    with torch.no_grad():
        own = encode_latents(vae, pixels_of(image))[0]
    torch.testing.assert_close(latents.values[7, 2].float(), own, atol=5e-3, rtol=5e-3)


def test_encoding_goes_on_where_it_stopped(work, tmp_path):
    copy = shutil.copytree(work, tmp_path / "work")
    whole = load_latents(copy).values.clone()
    np.save(copy / "latents" / "done.npy", np.arange(12) < 5)
    with pytest.raises(NotFoundError):
        load_latents(copy)
    vae = AutoencoderKL.from_pretrained(copy / "vae").eval()
    assert [step.done for step in encode_looks(copy, vae)] == [12]
    assert torch.equal(load_latents(copy).values, whole)
    assert list(encode_looks(copy, vae)) == []


def test_latents_of_other_looks_are_refused_until_they_are_encoded(work, tmp_path):
    copy = shutil.copytree(work, tmp_path / "work")
    list(draw_looks(copy, DrawConfig(looks=2, captions=2, workers=0)))
    with pytest.raises(ConflictError) as stale:
        load_latents(copy)
    assert "`vae`" in stale.value.hint
