import numpy as np
from attribase.ingest.customize.cutout import cut_out
from PIL import Image

SIZE = 32


def disc(radius, background=(255, 255, 255), colour=(20, 60, 200)):
    """(blend with soft edge, how much of each pixel is the disc)"""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    cover = np.clip(radius - np.hypot(x - SIZE / 2, y - SIZE / 2) + 0.5, 0, 1)[..., None]
    pixels = np.array(colour) * cover + np.array(background) * (1 - cover)
    return Image.fromarray(np.round(pixels).astype(np.uint8)), cover


def test_an_icon_on_a_plain_border_is_cut_out_with_its_soft_edge():
    for background in ((255, 255, 255), (240, 230, 90)):
        image, cover = disc(9, background)
        icon = cut_out(image)
        assert np.abs(icon[..., 3:] - cover).max() < 0.06
        shown = cover[..., 0] > 0.2
        assert np.abs(icon[shown, :3] * 255 - (20, 60, 200)).max() < 12


def test_on_its_own_background_the_icon_looks_as_before():
    image, _ = disc(9)
    icon = cut_out(image)
    again = icon[..., :3] * icon[..., 3:] + (1 - icon[..., 3:])
    assert np.abs(again * 255 - np.asarray(image)).max() <= 9


def test_what_the_icon_encloses_belongs_to_it():
    pixels = np.asarray(disc(12)[0]).copy()
    pixels[12:20, 12:20] = 255
    icon = cut_out(Image.fromarray(pixels))
    assert (icon[12:20, 12:20] == 1).all()


def test_an_image_without_a_plain_border_is_opaque():
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    icon = cut_out(Image.fromarray(noise))
    assert (icon[..., 3] == 1).all()
    assert np.allclose(icon[..., :3] * 255, noise, atol=1e-3)
