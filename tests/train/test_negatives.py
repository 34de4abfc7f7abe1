import numpy as np
import torch
from attribase.train.negatives import GalleryNegatives, drop_duplicates

POOL = torch.from_numpy(np.random.default_rng(0).normal(size=(50, 4))).float()


def identity(rows):
    return rows


def rows_of(drawn: torch.Tensor) -> set[int]:
    """Which rows of the pool these are."""
    return {int((row == POOL).all(1).nonzero()[0, 0]) for row in drawn}


def test_a_draw_has_no_image_twice_and_no_more_than_there_are():
    drawn = GalleryNegatives(POOL, 20, 0.0).draw(np.random.default_rng(0))
    assert drawn.shape == (20, 4)
    assert len(rows_of(drawn)) == 20
    assert len(GalleryNegatives(POOL, 80, 0.0).draw(np.random.default_rng(0))) == 50
    assert GalleryNegatives(POOL, 0, 0.0).draw(np.random.default_rng(0)).shape == (0, 4)


def test_mined_images_are_the_nearest_of_the_samples():
    samples = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 4))).float()
    cosine = torch.nn.functional.cosine_similarity(samples[:, None], POOL[None], dim=2).numpy()
    nearest = {int(row) for line in np.argsort(-cosine)[:, :10] for row in line}
    negatives = GalleryNegatives(POOL, 20, 1.0)
    assert len(negatives.draw(np.random.default_rng(0))) == 0
    negatives.mine(identity, identity, samples)
    assert rows_of(negatives.draw(np.random.default_rng(0))) <= nearest


def test_images_like_an_exemplar_are_dropped():
    exemplars = POOL[[3, 7]] * 1.001
    kept = drop_duplicates(POOL, exemplars, 0.99)
    assert rows_of(kept) == set(range(50)) - {3, 7}
    assert torch.equal(drop_duplicates(POOL, exemplars, 1.01), POOL)
