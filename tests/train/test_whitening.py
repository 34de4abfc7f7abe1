import numpy as np
import pytest
import torch
from attribase.train.whitening import fit_whitening, within_scatter


@pytest.fixture
def features():
    """A gallery (60, 6), and models of 1 to 3 exemplars and 4 samples."""
    rng = np.random.default_rng(0)
    gallery = torch.from_numpy(rng.normal(size=(60, 6)) * np.arange(1, 7)).float()
    models = []
    for count in (1, 2, 3, 1, 2):
        exemplars = torch.from_numpy(rng.normal(size=(count, 6))).float()
        models.append((exemplars, exemplars.mean(0) + 3 + torch.from_numpy(rng.normal(size=(4, 6))).float()))
    return gallery, models


def test_the_scatter_is_the_mean_over_all_pairs(features):
    exemplars, samples = features[1][2]
    differences = (exemplars[:, None] - samples[None]).reshape(-1, 6)
    assert torch.allclose(within_scatter(exemplars, samples), differences.T @ differences / 12, atol=1e-5)


def test_mapped_differences_have_the_covariance_that_the_ridge_leaves(features):
    """A (S + r tr(S)/K I) A' is a multiple of I, with S computed pair by pair."""
    gallery, models = features
    found = fit_whitening(gallery, models, rank=None, ridge=0.5)
    rows = [model[1] for model in models]
    sample_mean = torch.cat(rows).mean(0)
    scatter = np.zeros((6, 6))
    for exemplars, samples in models:
        pairs = [
            np.outer(d, d)
            for x in exemplars
            for y in samples
            for d in [((x - gallery.mean(0)) - (y - sample_mean)).double().numpy()]
        ]
        scatter += np.mean(pairs, axis=0) / len(models)
    projection = found.projection.double().numpy()
    left = projection @ (scatter + 0.5 * np.trace(scatter) / 6 * np.eye(6)) @ projection.T
    assert left == pytest.approx(left[0, 0] * np.eye(6), abs=1e-5 * left[0, 0])


def test_gallery_images_are_mapped_to_a_mean_length_of_one(features):
    gallery, models = features
    found = fit_whitening(gallery, models, rank=4, ridge=1.0)
    mapped = (gallery - found.real_mean) @ found.projection.T
    assert found.projection.shape == (4, 6)
    assert mapped.mean(0).numpy() == pytest.approx(0, abs=1e-5)
    assert mapped.norm(dim=1).mean().item() == pytest.approx(1, abs=1e-5)


def test_a_large_ridge_leaves_principal_components(features):
    """Then all directions count alike: cosines are those of the centred features."""
    gallery, models = features
    found = fit_whitening(gallery, models, rank=None, ridge=1e9)
    mapped = torch.nn.functional.normalize((gallery - found.real_mean) @ found.projection.T, dim=1)
    plain = torch.nn.functional.normalize(gallery - gallery.mean(0), dim=1)
    assert torch.allclose(mapped @ mapped.T, plain @ plain.T, atol=1e-4)


def test_directions_in_which_samples_stray_count_less():
    """Samples differ from their exemplar in the first dimension alone."""
    rng = np.random.default_rng(1)
    gallery = torch.from_numpy(rng.normal(size=(50, 3))).float()
    models = []
    for _ in range(10):
        exemplar = torch.from_numpy(rng.normal(size=(1, 3))).float()
        models.append((exemplar, exemplar + torch.tensor([[4.0, 0, 0], [-4.0, 0, 0]])))
    gram = (lambda p: p.T @ p)(fit_whitening(gallery, models, None, 0.1).projection)
    assert gram[0, 0] < 0.1 * gram[1, 1]
    assert gram[1, 1] == pytest.approx(gram[2, 2].item(), rel=0.3)
