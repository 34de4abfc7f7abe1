import pytest
from attribase.ingest.world.build.latents import load_latents

pytestmark = pytest.mark.filterwarnings("ignore")


def test_latents_hold_every_icon_plain_and_in_variations(work):
    latents = load_latents(work)
    assert tuple(latents.values.shape) == (12, 3, 8, 8, 8)
    assert all(row[0].to_json() == {} and row[1].to_json() for row in latents.variations)
