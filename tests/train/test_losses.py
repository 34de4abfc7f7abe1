import numpy as np
import pytest
import torch
from attribase.train.losses import contrastive_loss, orthogonality, set_loss


def rows(seed: int, count: int = 9, dim: int = 6) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, dim))).double()


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_it_is_twice_the_loss_of_clip(temperature):
    """CLIP's loss is the mean of the two directions, eq. 3 their sum."""
    from open_clip.loss import ClipLoss

    real, synth = rows(0), rows(1)
    unit_real, unit_synth = (side / side.norm(dim=1, keepdim=True) for side in (real, synth))
    expected = 2 * ClipLoss()(unit_real, unit_synth, torch.tensor(1 / temperature))
    assert contrastive_loss(real, synth, temperature).item() == pytest.approx(expected.item())


def test_it_is_the_sum_over_both_directions_of_the_ntxent_of_metric_learning():
    from pytorch_metric_learning.losses import NTXentLoss, SelfSupervisedLoss

    real, synth = rows(2), rows(3)
    loss = SelfSupervisedLoss(NTXentLoss(temperature=0.2), symmetric=False)
    one_way, other_way = loss(real, synth), loss(synth, real)
    assert contrastive_loss(real, synth, 0.2).item() == pytest.approx((one_way + other_way).item(), rel=1e-6)


def test_it_is_equation_three_written_out():
    real, synth, nu = rows(4).numpy(), rows(5).numpy(), 0.5
    t, s = (side / np.linalg.norm(side, axis=1)[:, None] for side in (real, synth))
    terms = []
    for i in range(len(t)):
        over_samples = sum(np.exp(t[i] @ s[j] / nu) for j in range(len(t)))
        over_exemplars = sum(np.exp(t[j] @ s[i] / nu) for j in range(len(t)))
        own = np.exp(t[i] @ s[i] / nu)
        terms.append(-(np.log(own / over_samples) + np.log(own / over_exemplars)))
    found = contrastive_loss(torch.from_numpy(real), torch.from_numpy(synth), nu)
    assert found.item() == pytest.approx(np.mean(terms))


def test_matching_pairs_cost_less_than_shuffled_ones():
    real = rows(6)
    assert contrastive_loss(real, real, 0.1) < contrastive_loss(real, real.roll(1, 0), 0.1)


def test_the_regulariser_is_equation_four_written_out():
    real, synth = rows(7, 6).numpy(), rows(8, 6).numpy()
    eye = np.eye(6)
    expected = 0.5 * (
        np.sqrt(((real.T @ real - eye) ** 2).sum()) + np.sqrt(((synth.T @ synth - eye) ** 2).sum())
    )
    found = orthogonality(torch.from_numpy(real), torch.from_numpy(synth))
    assert found.item() == pytest.approx(expected)


def test_the_gradient_of_the_regulariser_is_that_of_autograd():
    real, synth = (rows(seed, 5, 5).requires_grad_() for seed in (10, 11))
    assert torch.autograd.gradcheck(orthogonality, (real, synth))
    norm = torch.linalg.matrix_norm(real.T @ real - torch.eye(5).double()) / 2
    expected = torch.autograd.grad(3 * norm, real)[0]
    assert torch.allclose(torch.autograd.grad(3 * orthogonality(real, synth), real)[0], expected)


def test_rotations_cost_nothing_and_the_start_has_a_gradient_of_zero():
    rotation = torch.linalg.qr(rows(9, 6)).Q
    assert orthogonality(rotation, rotation).item() == pytest.approx(0, abs=1e-12)
    weight = torch.eye(6, requires_grad=True)
    orthogonality(weight, weight).backward()
    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.zeros(6, 6))


SAME = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]], dtype=torch.bool)
"""Five samples and three exemplars of two models."""


@pytest.mark.parametrize("positives", ["each", "sum", "mean"])
def test_of_single_pairs_without_negatives_it_is_equation_three(positives):
    real, synth = rows(6), rows(7)
    single = torch.eye(len(real), dtype=torch.bool)
    found = set_loss(real, synth, single, 0.3, positives, real[:0])
    assert found.item() == pytest.approx(contrastive_loss(real, synth, 0.3).item())


@pytest.mark.parametrize("positives", ["each", "sum", "mean"])
def test_of_sets_it_is_the_formula_written_out(positives):
    real, synth, images, nu = rows(8, 3).numpy(), rows(9, 5).numpy(), rows(10, 4).numpy(), 0.5
    t, s, g = (side / np.linalg.norm(side, axis=1)[:, None] for side in (real, synth, images))

    def row(own, positive, others):
        wanted, rest = np.exp(own[positive] / nu), np.exp(np.append(own[~positive], others) / nu).sum()
        if positives == "sum":
            return -np.log(wanted.sum() / (wanted.sum() + rest))
        below = wanted + rest if positives == "each" else wanted.sum() + rest
        return -np.log(wanted / below).mean()

    same = SAME.numpy()
    by_sample = [row(t @ s[i], same[i], g @ s[i]) for i in range(5)]
    by_exemplar = [row(s @ t[j], same[:, j], []) for j in range(3)]
    models = [np.mean(by_sample[:2]), np.mean(by_sample[2:]), np.mean(by_exemplar[:2]), by_exemplar[2]]
    found = set_loss(*map(torch.from_numpy, (real, synth)), SAME, nu, positives, torch.from_numpy(images))
    assert found.item() == pytest.approx(np.sum(models) / 2)


@pytest.mark.parametrize("positives", ["each", "sum", "mean"])
def test_its_gradient_is_the_slope(positives):
    real, synth, images = (rows(seed, count).requires_grad_() for seed, count in ((11, 3), (12, 5), (13, 4)))
    assert torch.autograd.gradcheck(
        lambda *sides: set_loss(sides[0], sides[1], SAME, 0.5, positives, sides[2]), (real, synth, images)
    )
