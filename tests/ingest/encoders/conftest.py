"""Encoders of the published architectures, few and narrow layers, and their ONNX exports."""

import numpy as np
import pytest
import torch
from attribase.ingest.encoders import EncoderSpec
from attribase.ingest.encoders.onnx_export import to_onnx
from attribase.runtime import OnnxEncoder, Preprocessing


def cosines(one, other):
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


@pytest.fixture(scope="session")
def parity(tmp_path_factory):
    """Export a module, run it on batches of 1 and 5, and give the least cosine to `expected(pixels)`."""

    def least(module, size, expected):
        spec = EncoderSpec("x", 0, Preprocessing(size, size), "", "", lambda _: module)
        encoder = OnnxEncoder(
            to_onnx(module, spec, tmp_path_factory.mktemp("onnx")).model, spec.preprocessing
        )
        pixels = np.random.default_rng(0).normal(size=(5, 3, size, size)).astype(np.float32)
        with torch.inference_mode():
            wanted = expected(torch.from_numpy(pixels)).numpy()
        found = np.concatenate([encoder.run(pixels[:1]), encoder.run(pixels)[1:]])
        assert found.shape == wanted.shape
        return cosines(found, wanted).min()

    return least


@pytest.fixture
def random_network():
    """Make every weight of a module random, biases and norms included: initial zeros hide mistakes."""

    def randomise(module, seed=0):
        generator = torch.Generator().manual_seed(seed)
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator) * 0.2
                tensor.copy_(noise.abs() + 0.5 if "running_var" in name else noise)
        return module.eval()

    return randomise
