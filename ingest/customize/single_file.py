"""A base in a single file (`.safetensors`, `.ckpt`) as a folder in diffusers' layout, converted once.

Such a file has the weights of all parts and no configuration. That comes from a folder of the same name
beside it (a base in diffusers' layout, its weights are not read), else from the hub's copy of the base that
the file is a version of, as diffusers recognises it. Pickles are read as tensors alone (`weights_only`).
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path

from ...store import InvalidInputError, key_id
from ..diffusion_files import check_file

DEFAULT_CLASS = "StableDiffusionPipeline"
CLASSES = {
    "xl_base": "StableDiffusionXLPipeline",
    **dict.fromkeys(("sd3", "sd35_medium", "sd35_large"), "StableDiffusion3Pipeline"),
    **dict.fromkeys(("flux-dev", "flux-schnell"), "FluxPipeline"),
}
"""Classes of pipelines by what diffusers calls the files that hold them; all others are the first."""

ENDINGS = (".safetensors", ".ckpt")
"""What the names of such files end with."""


def is_single_file(base: str) -> bool:
    """Whether `base` names a file that can hold a whole base."""
    return base.lower().endswith(ENDINGS) and Path(base).is_file()


def single_file_id(path: Path) -> str:
    """The id of the base in `path`: of the file's bytes and, where it lies beside it, the configuration's."""
    with path.open("rb") as file:
        parts = [hashlib.file_digest(file, "sha256").hexdigest()]
    if config := _config_beside(path):
        files = sorted([*config.glob("*.json"), *config.glob("*/*.json"), *config.glob("tokenizer*/*.txt")])
        parts += [hashlib.sha256(one.read_bytes()).hexdigest() for one in files]
    return key_id(["single-file", *parts])


def convert_single_file(path: Path) -> Path:
    """The folder of the converted base, from the cache where it was converted before.

    Raises:
        DataError: the file is cut, or a pointer of Git LFS.
        InvalidInputError: it holds no Stable Diffusion, or there is no configuration for it.
    """
    check_file(path, path.as_posix())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "attribase" / "bases"
    folder = cache / single_file_id(path)
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as made:
            _convert(path, Path(made) / "base")
            if not folder.is_dir():  # another process may have been faster
                (Path(made) / "base").rename(folder)
    return folder


def pipeline_class_name(path: Path) -> str:
    """The class of the pipeline in `path`: what its configuration says, else what diffusers recognises."""
    config = _config_beside(path)
    if config is not None:
        return str(json.loads((config / "model_index.json").read_text(encoding="utf-8")).get("_class_name"))
    if path.suffix.lower() != ".safetensors":
        return DEFAULT_CLASS
    import torch
    from diffusers.loaders.single_file_utils import infer_diffusers_model_type
    from safetensors import safe_open

    with safe_open(path, "pt") as file:  # names and shapes alone
        shapes = {name: file.get_slice(name).get_shape() for name in list(file.keys())}
    tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    return CLASSES.get(infer_diffusers_model_type(tensors), DEFAULT_CLASS)


def _convert(path: Path, folder: Path) -> None:
    import diffusers

    from ..diffusion import silence_diffusers

    silence_diffusers()

    config = _config_beside(path)
    try:
        name = pipeline_class_name(path)
        known = name in CLASSES.values()
        without = {} if known else {"safety_checker": None, "feature_extractor": None}
        pipeline = getattr(diffusers, name if known else DEFAULT_CLASS).from_single_file(
            path.as_posix(),
            config=None if config is None else config.as_posix(),
            local_files_only=config is not None,
            **without,
        )
    except Exception as error:  # of diffusers, transformers, the hub's client and torch
        reason = " ".join(str(error).split())[:200]
        raise InvalidInputError(
            f"{path} cannot be loaded as a Stable Diffusion in a single file: {reason}",
            hint=f"put its configuration into {path.stem}/ beside it (model_index.json and the folders of a"
            " base in diffusers' layout, without weights), or give such a base",
        ) from error
    pipeline.save_pretrained(folder)


def _config_beside(path: Path) -> Path | None:
    folder = path.with_suffix("")
    return folder if (folder / "model_index.json").is_file() else None
