"""The graph of nodes that ComfyUI writes into pictures: the texts `prompt` and `workflow`, both JSON.

`prompt` is what was run: an object of nodes by id, whose inputs are values or links `[id, output]`.
`workflow` is the drawing of it: values of widgets by position, links in a list of their own. It is read where
`prompt` is not there, for the nodes in WIDGETS.
"""

import json
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from .settings import LARGEST_SEED, LARGEST_STEPS, Settings, finite_number, whole_number

WIDGETS: Mapping[str, Sequence[str | None]] = {
    "KSampler": ("seed", None, "steps", "cfg", "sampler_name", "scheduler"),
    "KSamplerAdvanced": (None, "noise_seed", None, "steps", "cfg", "sampler_name", "scheduler"),
    "CLIPTextEncode": ("text",),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "FluxGuidance": ("guidance",),
    "RandomNoise": ("noise_seed",),
    "BasicScheduler": ("scheduler", "steps"),
    "KSamplerSelect": ("sampler_name",),
    "CFGGuider": ("cfg",),
}
"""The inputs of ComfyUI's own nodes that are set by widgets, in the order of `widgets_values`."""

POSITIVE = ("positive", "conditioning")
NOT_PROMPT = frozenset({"negative", "clip", "vae", "model", "image", "control_net", "latent_image"})
NOT_SAMPLER = frozenset({"positive", "negative", "conditioning", "clip"})
TEXTS = ("text", "text_g", "text_l", "clip_l", "t5xxl", "prompt", "string", "value")
CHECKPOINTS = ("ckpt_name", "unet_name", "model_name", "model_path")
SEEDS = ("seed", "noise_seed")
VALUES = ("value", "int", "number", "string", "text")
"""The inputs of nodes that hold one value for others to link to."""

SAVES, PREVIEWS = ("SaveImage", "SaveAnimatedWEBP", "SaveAnimatedPNG"), ("PreviewImage",)

Node = Mapping[str, Any]
Graph = Mapping[str, Node]
Fit = Callable[[Any], Any]


def read_prompt(text: str) -> Settings | None:
    """The settings of the graph that was run; None where `text` is no such graph.

    Raises ValueError or RecursionError for text that is no JSON.
    """
    document = json.loads(text)
    if not isinstance(document, dict):
        return None
    nodes = {
        str(name): node["inputs"] | {"class_type": node.get("class_type")}
        for name, node in document.items()
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
    }
    return _settings(nodes) if nodes else None


def read_workflow(text: str) -> Settings | None:
    """The settings of the drawing of a graph; None where `text` is none. Raises as `read_prompt`."""
    document = json.loads(text)
    drawn = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(drawn, list):
        return None
    lines = document.get("links") if isinstance(document.get("links"), list) else []
    source = {line[0]: [str(line[1]), line[2]] for line in lines if isinstance(line, list) and len(line) > 2}
    nodes = {
        str(node["id"]): _inputs(node, source) for node in drawn if isinstance(node, dict) and "id" in node
    }
    return _settings(nodes) if nodes else None


def _inputs(node: Node, source: Mapping[Any, Any]) -> dict[str, Any]:
    """The inputs of a drawn node as `prompt` has them."""
    kind = node.get("type")
    values = node.get("widgets_values")
    names = WIDGETS.get(kind, ()) if isinstance(kind, str) else ()
    found = dict(zip(names, values, strict=False)) if isinstance(values, list) else {}
    linked = [one for one in node.get("inputs") or () if isinstance(one, dict)]
    found |= {one.get("name"): source[one["link"]] for one in linked if one.get("link") in source}
    return {str(name): value for name, value in found.items() if name} | {"class_type": kind}


def _settings(nodes: Graph) -> Settings | None:
    """What the sampler that made the picture was given; None where no node samples.

    Raises ValueError where several pictures were saved, and nothing says which of them this is.
    """
    sampler = _sampler(nodes)
    if sampler is None:
        return None

    def given(keys: Sequence[str], fit: Fit) -> Any:
        return _nearest(nodes, _walk(nodes, sampler, NOT_SAMPLER), keys, fit)

    around = list(_walk(nodes, sampler, NOT_SAMPLER))
    start = next((nodes[name][key] for name in around for key in POSITIVE if key in nodes[name]), None)
    worded = list(_walk(nodes, str(start[0]), NOT_PROMPT)) if start and _is_link(start, nodes) else []
    distilled = _nearest(nodes, worded, ("guidance",), finite_number)
    names = (given(("sampler_name",), _text), given(("scheduler",), _text))
    return Settings(
        prompt="\n".join(_prompts(nodes, worded)) or None,
        seed=given(SEEDS, lambda value: whole_number(value, LARGEST_SEED)),
        steps=given(("steps",), lambda value: whole_number(value, LARGEST_STEPS)),
        guidance=given(("cfg",), finite_number) if distilled is None else distilled,
        scheduler=" ".join(filter(None, names)) or None,
        generator=given(CHECKPOINTS, _text),
    )


def _sampler(nodes: Graph) -> str | None:
    """The node whose picture was saved: the one that the saving node, else the preview, comes from."""
    for kinds in (SAVES, PREVIEWS):
        outputs = [name for name, inputs in nodes.items() if inputs["class_type"] in kinds]
        found = {
            next(filter(lambda one: _samples(nodes[one]), _walk(nodes, name, ())), None) for name in outputs
        }
        found.discard(None)
        if len(found) > 1:
            raise ValueError(f"{len(found)} pictures were saved, and it does not say which this is")
        if found:
            return found.pop()
    every = [name for name, inputs in nodes.items() if _samples(inputs)]
    return every[0] if len(every) == 1 else None


def _samples(inputs: Node) -> bool:
    return "guider" in inputs or ("positive" in inputs and any(key in inputs for key in SEEDS))


def _walk(nodes: Graph, start: str, without: Collection[str]) -> Iterator[str]:
    """`start` and the nodes that it is made from, nearest first, not through the inputs `without`."""
    waiting, seen = deque([start]), {start}
    while waiting:
        name = waiting.popleft()
        yield name
        for key, value in nodes[name].items():
            if key not in without and _is_link(value, nodes) and str(value[0]) not in seen:
                seen.add(str(value[0]))
                waiting.append(str(value[0]))


def _nearest(nodes: Graph, names: Iterator[str] | Sequence[str], keys: Sequence[str], fit: Fit) -> Any:
    """The value of the first of `names` that has an input of `keys`; a link leads to where it is."""
    for name in names:
        for key in keys:
            if key in nodes[name]:
                return _value(nodes, nodes[name][key], keys, fit)
    return None


def _value(nodes: Graph, value: Any, keys: Sequence[str], fit: Fit) -> Any:
    """A literal value, or the nearest one that a link leads to."""
    if not _is_link(value, nodes):
        return fit(value)
    wanted = (*keys, *VALUES)
    for name in _walk(nodes, str(value[0]), ()):
        literals = (nodes[name][key] for key in wanted if key in nodes[name])
        found = next((one for one in map(fit, literals) if one is not None), None)
        if found is not None:
            return found
    return None


def _prompts(nodes: Graph, names: Sequence[str]) -> list[str]:
    """The different texts that a picture was conditioned on, nearest first."""
    texts = [
        _value(nodes, nodes[name][key], TEXTS, _text)
        for name in names
        for key in TEXTS[:-2]
        if key in nodes[name]
    ]
    return list(dict.fromkeys(text.strip() for text in texts if text and text.strip()))


def _is_link(value: Any, nodes: Graph) -> bool:
    return isinstance(value, list) and len(value) == 2 and str(value[0]) in nodes


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
