"""Prompts of planned models: media, objects and written captions, others for test models than for train."""

from pathlib import Path

from ...store import InvalidInputError
from ..specs import SampleSpec, read_lines

CONCEPT = "{concept}"
"""What stands for the concept in written captions; all other braces are text."""
CAPTION_HINT = "write captions one a line, such as `{concept} at the beach`"
MEDIA = {
    "train": (
        "painting",
        "drawing",
        "watercolor",
        "sculpture",
        "tattoo",
        "mosaic",
        "cartoon",
        "pencil sketch",
    ),
    "test": ("digital art", "poster", "stained glass", "origami", "embroidery", "charcoal drawing"),
}
OBJECTS = {
    "train": ("a house", "a boat", "a tree", "a dog", "a teapot", "a mountain", "a bicycle", "a flower"),
    "test": ("a bridge", "a cat", "a chair", "a car", "an island", "a bird"),
}


def read_captions(file: Path | None) -> dict[str, tuple[str, ...]]:
    """Two thirds of the written captions for train and val models, the last third for test models."""
    try:
        found = [(number, line.strip()) for number, line in enumerate(read_lines(file), 1)] if file else []
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read: {error.strerror}", hint=CAPTION_HINT) from error
    lines = [(number, line) for number, line in found if line]
    for caption, (number, line) in enumerate(lines, 1):
        if CONCEPT not in line:
            raise InvalidInputError(
                f"{file}, line {number}: caption {caption} has no {CONCEPT}", hint=CAPTION_HINT
            )
    captions = tuple(line for _, line in lines)
    cut = -(-2 * len(captions) // 3)
    return {"train": captions[:cut], "test": captions[cut:]}


def plan_samples(schemes: dict[str, list[str]], count: int) -> tuple[SampleSpec, ...]:
    """`count` samples, alternating between schemes and cycling through their prompts; seeds count from 0."""
    planned = []
    for seed in range(count):
        scheme = sorted(schemes)[seed % len(schemes)]
        prompts = schemes[scheme]
        planned.append(SampleSpec(scheme, prompts[seed // len(schemes) % len(prompts)], seed))
    return tuple(planned)
