import copy
import json

import pytest
from attribase.ingest.generated.comfyui import read_prompt, read_workflow

from .pictures import GRAPH

WORKFLOW = {
    "nodes": [
        {"id": 3, "type": "KSampler", "widgets_values": [12, "randomize", 25, 6.5, "euler", "normal", 1],
         "inputs": [{"name": "model", "link": 1}, {"name": "positive", "link": 4}, {"name": "negative", "link": 6}]},  # noqa: E501
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["sd15.ckpt"]},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a blue boat"], "inputs": [{"name": "clip", "link": 3}]},  # noqa: E501
        {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["watermark"], "inputs": []},
    ],
    "links": [[1, 4, 0, 3, 0, "MODEL"], [3, 4, 1, 6, 0, "CLIP"], [4, 6, 0, 3, 1, "CONDITIONING"],
              [6, 7, 0, 3, 2, "CONDITIONING"]],
}  # fmt: skip


def read(graph):
    return read_prompt(json.dumps(graph))


def test_the_sampler_of_the_saved_picture_is_read():
    found = read(GRAPH)
    assert (found.prompt, found.seed, found.steps, found.guidance) == (
        "a blue boat",
        156680208700286,
        25,
        6.5,
    )
    assert (found.scheduler, found.generator) == ("dpmpp_2m karras", "sd_xl_base_1.0.safetensors")


def test_values_behind_links_are_found():
    graph = copy.deepcopy(GRAPH)
    graph["3"]["inputs"]["seed"] = ["20", 0]
    graph["20"] = {"class_type": "PrimitiveInt", "inputs": {"value": 77}}
    graph["6"]["inputs"]["text"] = ["21", 0]
    graph["21"] = {"class_type": "PrimitiveString", "inputs": {"value": "a linked boat"}}
    found = read(graph)
    assert (found.seed, found.prompt) == (77, "a linked boat")


def test_the_second_pass_counts_where_a_first_one_made_its_latents():
    graph = copy.deepcopy(GRAPH)
    graph["13"] = copy.deepcopy(graph["3"])
    graph["13"]["inputs"] |= {"seed": 5, "steps": 10, "latent_image": ["3", 0]}
    graph["8"]["inputs"]["samples"] = ["13", 0]
    assert (read(graph).seed, read(graph).steps) == (5, 10)


def test_custom_samplers_of_flux_are_read():
    found = read(
        {
            "1": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
            "2": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0]}},
            "3": {
                "class_type": "SamplerCustomAdvanced",
                "inputs": {"noise": ["4", 0], "guider": ["5", 0], "sampler": ["6", 0], "sigmas": ["7", 0]},
            },
            "4": {"class_type": "RandomNoise", "inputs": {"noise_seed": 9}},
            "5": {"class_type": "BasicGuider", "inputs": {"model": ["8", 0], "conditioning": ["9", 0]}},
            "6": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
            "7": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 20, "model": ["8", 0]}},  # noqa: E501
            "8": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}},
            "9": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["10", 0]}},
            "10": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["11", 0]}},
            "11": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "t5"}},
        }
    )  # fmt: skip
    assert (found.prompt, found.seed, found.steps, found.guidance) == ("a fox", 9, 20, 3.5)
    assert (found.scheduler, found.generator) == ("euler simple", "flux1-dev.safetensors")


def test_of_several_saved_pictures_none_is_guessed():
    graph = copy.deepcopy(GRAPH)
    graph["13"] = copy.deepcopy(graph["3"])
    graph["18"] = {"class_type": "VAEDecode", "inputs": {"samples": ["13", 0]}}
    graph["19"] = {"class_type": "SaveImage", "inputs": {"images": ["18", 0]}}
    with pytest.raises(ValueError, match="2 pictures were saved"):
        read(graph)


def test_a_workflow_is_read_by_its_widgets():
    found = read_workflow(json.dumps(WORKFLOW))
    assert (found.prompt, found.seed, found.steps, found.guidance) == ("a blue boat", 12, 25, 6.5)
    assert (found.scheduler, found.generator) == ("euler normal", "sd15.ckpt")


@pytest.mark.parametrize(
    "graph",
    [
        [],
        {},
        {"1": 2},
        {"1": {"inputs": []}},
        {"1": {"inputs": {"images": ["1", 0]}, "class_type": "SaveImage"}},
        {"1": {"inputs": {"positive": ["1", 0], "seed": ["1", 0]}, "class_type": {}}},
    ],
)
def test_other_documents_and_loops_say_nothing(graph):
    found = read(graph)
    assert found is None or (found.prompt, found.seed) == (None, None)
