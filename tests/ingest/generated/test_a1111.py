import pytest
from attribase.ingest.generated.a1111 import read_parameters

from .pictures import PARAMETERS


def test_prompts_numbers_and_names_are_read():
    found = read_parameters(PARAMETERS)
    assert found.prompt == "a red house, (oil painting:1.2)\nby the sea"
    assert (found.seed, found.steps, found.guidance) == (4294967295, 20, 7.5)
    assert (found.scheduler, found.generator) == ("Euler a", "v1-5-pruned")
    assert found.others["negative_prompt"] == "blurry, low quality"
    assert found.others["parameters"]["Lora hashes"] == "a: 1, b: 2"
    assert found.others["parameters"]["Model hash"] == "6ce0161689"
    assert "Seed" not in found.others["parameters"]


@pytest.mark.parametrize("text", ["", "a cat", "a: b, c: d", "Steps: many\n", "\0\1\2", "Steps: 5"])
def test_other_text_says_nothing(text):
    assert read_parameters(text) is None


def test_a_seed_beyond_64_bits_stays_as_text():
    found = read_parameters("x\nSteps: 20, Sampler: Euler, Seed: 18446744073709551615, CFG scale: nan")
    assert (found.seed, found.guidance, found.steps) == (None, None, 20)
    assert found.others["parameters"] == {"Seed": "18446744073709551615", "CFG scale": "nan"}
