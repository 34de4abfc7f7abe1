import numpy as np
import torch
from attribase.ingest.customize import train as training
from attribase.ingest.customize.augment import SHIFTS, View, make_views
from PIL import Image


def test_shrunk_views_count_in_the_loss_only_inside_their_box(image, config):
    config = config.with_changes(augment="resize", views=40, iterations=40, resolution=32)
    views = make_views([image], config, "object", np.random.default_rng(0))
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
    views = make_views([image], config, "object", np.random.default_rng(0))
    pixels = np.asarray(image, dtype=np.float32) / 127.5 - 1
    for view, (down, right) in zip(views, SHIFTS, strict=True):
        rows = np.clip(np.arange(8) - down, 0, 7)
        columns = np.clip(np.arange(8) - right, 0, 7)
        assert np.allclose(view.pixels.permute(1, 2, 0), pixels[rows][:, columns], atol=1e-6)


def test_placed_objects_are_drawn_anew_and_their_captions_say_how(config):
    icon = Image.new("RGB", (64, 64), "white")
    icon.paste("red", (20, 20, 44, 44))
    config = config.with_changes(augment="placed", views=40, iterations=40, resolution=64)
    views = make_views([icon, icon.rotate(90)], config, "object", np.random.default_rng(0))
    assert [view.exemplar for view in views] == [0, 1] * 20
    captions = {view.caption("V* toy") for view in views}
    assert {"V* toy", "a small V* toy"} <= captions
    assert any(caption.endswith(" background") for caption in captions)
    for view in views:
        assert view.pixels.shape == (3, 64, 64)
        assert view.box == (0, 0, 64, 64)
        assert view.pixels.min() >= -1
        assert view.pixels.max() <= 1
    again = make_views([icon, icon.rotate(90)], config, "object", np.random.default_rng(0))
    assert all(torch.equal(a.pixels, b.pixels) for a, b in zip(views, again, strict=True))


def test_a_caption_says_the_background_before_the_style():
    view = View(torch.zeros(3, 8, 8), 0, "", (0, 0, 8, 8), " on red paper")
    assert view.caption("a cat in the style of V* art") == "a cat on red paper in the style of V* art"
    assert view.caption("V* toy") == "V* toy on red paper"
