"""Other ways that models and pictures come into a store: plans, methods, files, other generators."""

import json
from pathlib import Path

import numpy as np
from attribase.ingest.specs import ModelSpec, SampleSpec, write_specs
from attribase.store import content_id

from .stages import Stage, picture

EXEMPLARS = 6
EMBEDDING = 128
"""Of a token in the embedded world."""

METHODS = ("textual-inversion", "lora", "captioned", "none")
UNTOUCHED = "ingest plan --kind object --method none --samples 2 untouched.jsonl"
CUSTOMIZE = "ingest customize --base world --plan @methods.jsonl --iterations 1 --batch-size 2 --workers 2"
SAMPLE = "ingest sample --base world --plan @methods.jsonl --steps 1 --workers 2"
MODEL_STAGES = (
    Stage("images with captions", "ingest images @captioned.jsonl --collection exemplars"),
    Stage("plan of sets", "ingest plan --kind set --sizes 1 2 --models 2 --per-caption 1 sets.jsonl"),
    Stage("plan of the untouched base", UNTOUCHED),
    Stage("plan of the paper", "ingest plan --paper artchive @artchive --scale 0.01 paper.jsonl"),
    Stage("customize by methods", CUSTOMIZE, slow=True),
    Stage("sample by methods", SAMPLE, slow=True),
    Stage("models of files", "ingest models @models --base world --samples 2 --plan files.jsonl"),
    Stage("samples from elsewhere", "ingest samples @generated.jsonl --generator somebody"),
)


def write_model_sources(folder: Path) -> None:
    """Pictures with captions, a plan of a model by each method, textual inversions, artists, samples."""
    exemplars = [picture(100 + number) for number in range(EXEMPLARS)]
    rows = [
        {
            "file": f"exemplars/thing-{number}.png",
            "captions": [f"a thing of number {number}", f"number {number} again"],
            "category": ["cat", "dog", "cup"][number % 3],
        }
        for number in range(EXEMPLARS)
    ]
    for number, data in enumerate(exemplars):
        _write(folder / "exemplars" / f"thing-{number}.png", data)
    _write_lines(folder / "captioned.jsonl", rows)
    write_specs(folder / "methods.jsonl", [_spec(method, exemplars) for method in METHODS])
    _write_models(folder / "models")
    for artist in range(4):
        for number in range(2):
            _write(
                folder / "artchive" / f"artist {artist}" / f"{number}.png", picture(300 + 2 * artist + number)
            )
    generated = [
        {
            "file": f"generated/{number}.png",
            "prompt": f"thing {number}",
            "seed": number,
            "exemplars": [f"thing-{number % 2}.png"],
            "model_name": f"model {number % 2}",
        }
        for number in range(8)
    ]
    for number in range(len(generated)):
        _write(folder / "generated" / f"{number}.png", picture(400 + number))
    _write_lines(folder / "generated.jsonl", generated)


def _spec(method: str, exemplars: list[bytes]) -> ModelSpec:
    """A model of two exemplars, with two samples."""
    texts = {"captioned": ("a cat", "a dog"), "none": ()}
    concept = "V* cat" if method not in texts else "a cat"
    return ModelSpec(
        concept_kind="set" if method == "captioned" else "style",
        concept=f"made by {method}",
        category="cat",
        case_name="of methods",
        split="control" if method == "none" else "test",
        exemplar_ids=tuple(content_id(data) for data in exemplars[:2]),
        training_prompts=texts.get(method, (concept,)),
        samples=tuple(SampleSpec("gpt", f"{concept} on a beach", seed) for seed in (0, 1)),
        method=method,
    )


def _write_models(folder: Path) -> None:
    """Three textual inversions of the embedded world, each with the images that it was trained on."""
    from safetensors.numpy import save

    for number in range(3):
        vector = np.random.default_rng(number).normal(size=EMBEDDING).astype(np.float32)
        _write(folder / f"thing {number}" / "learned_embeds.safetensors", save({f"<thing-{number}>": vector}))
        for seed in (0, 1):
            _write(folder / f"thing {number}" / "exemplars" / f"{seed}.png", picture(200 + 2 * number + seed))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
