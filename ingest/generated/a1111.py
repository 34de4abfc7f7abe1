"""The text `parameters` that the Stable Diffusion web UI of AUTOMATIC1111 and its forks write into pictures.

The prompt, a line that begins with `Negative prompt:`, and a last line of `Name: value` pairs.
"""

import re
from collections.abc import Mapping

from .settings import LARGEST_SEED, LARGEST_STEPS, Settings, finite_number, whole_number

NEGATIVE = "Negative prompt:"
FEWEST_PAIRS = 3
"""A last line with fewer pairs is a line of the prompt, as for the web UI itself."""

LONGEST_PAIRS = 1 << 16
_PAIR = re.compile(r'\s*(\w[\w \-/]{0,80}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')


def read_parameters(text: str) -> Settings | None:
    """The settings that `text` says; None where it is no such text."""
    lines = text.replace("\r\n", "\n").strip().split("\n")
    pairs = _read_pairs(lines[-1])
    if "Steps" not in pairs:
        return None
    prompt, negative = _split_prompts(lines[:-1])
    seed = whole_number(pairs.get("Seed"), LARGEST_SEED)
    steps = whole_number(pairs.get("Steps"), LARGEST_STEPS)
    guidance = finite_number(pairs.get("CFG scale"))
    read = {"Seed": seed, "Steps": steps, "CFG scale": guidance, "Sampler": "", "Model": ""}
    others = {name: value for name, value in pairs.items() if read.get(name) is None}
    return Settings(
        prompt=prompt or None,
        seed=seed,
        steps=steps,
        guidance=guidance,
        scheduler=pairs.get("Sampler") or None,
        generator=pairs.get("Model") or None,
        others={
            **({"negative_prompt": negative} if negative else {}),
            **({"parameters": others} if others else {}),
        },
    )


def _read_pairs(line: str) -> Mapping[str, str]:
    if len(line) > LONGEST_PAIRS:
        return {}
    found = [(name, value.strip()) for name, value in _PAIR.findall(line)]
    if len(found) < FEWEST_PAIRS:
        return {}
    return {name: _unquoted(value) for name, value in found}


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value.startswith('"') and value.endswith('"')
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if quoted else value


def _split_prompts(lines: list[str]) -> tuple[str, str]:
    """The prompt and the negative prompt."""
    for number, line in enumerate(lines):
        if line.strip().startswith(NEGATIVE):
            negative = [line.strip().removeprefix(NEGATIVE), *lines[number + 1 :]]
            return "\n".join(lines[:number]).strip(), "\n".join(negative).strip()
    return "\n".join(lines).strip(), ""
