import numpy as np
import torch
from attribase.ingest.customize import train as training
from attribase.ingest.customize.augment import SHIFTS, make_views


def test_shrunk_views_count_in_the_loss_only_inside_their_box(image, config):
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
