import numpy as np
from attribase.ingest.world.build.backgrounds import composite


def test_compositing_on_a_background_is_the_alpha_blend(icon):
    icon[..., 3] *= 0.25
    image = composite(icon, np.ones((32, 32, 3), np.float32))
    np.testing.assert_allclose(image[16, 16], [0.25 * 0.9 + 0.75, 0.75, 0.75], atol=1e-6)
