"""The files that diffusers' custom_diffusion example writes: attention processors and the embedding of V*.

    DIR/pytorch_custom_diffusion_weights.pt   {"...attn2.processor.to_k_custom_diffusion.weight": tensor, ...}
    DIR/<new1>.bin                            {"<new1>": tensor (hidden,)}
    DIR/<new1>_2.bin                          the same of the second text encoder, in SDXL

Self-attention has empty entries in the first, which diffusers needs to build its processors. A
projection's bias, which Stable Diffusion does not have and diffusers cannot load, is stored as
`..._custom_diffusion.bias`. Pickles are read with `weights_only=True`.
"""

from pathlib import Path
from typing import Any

from ...store import DataError, InvalidInputError, NotFoundError, Store, content_id, key_id
from ...store.lookup import quote
from ..specs import ModelSpec
from .base import BaseGenerator, free_token
from .methods import CustomizeConfig, find_method
from .models import model_row
from .tensor_file import read_tensor_file

WEIGHTS_NAMES = tuple("pytorch_custom_diffusion_weights" + end for end in (".pt", ".bin", ".safetensors"))
STORED_FILES = {
    "textual-inversion": "learned_embeds.safetensors",
    "lora": "pytorch_lora_weights.safetensors",
    "dreambooth-lora": "pytorch_lora_weights.safetensors",
}
"""The methods whose stored file is diffusers' own, and what diffusers calls it."""
ADDED = "_custom_diffusion"


def export_diffusers_layout(store: Store, model_id: str, out_dir: str | Path) -> list[Path]:
    """Write a stored model as these two files; low-rank differences are multiplied out with the base.

    One of method 'captioned' has no V* and so no second file. Of the methods in `STORED_FILES` the file is as
    it is stored: for `load_textual_inversion` and `load_lora_weights`. Of 'dreambooth' the folder `unet` is
    the whole network, for `UNet2DConditionModel.from_pretrained`.

    Raises NotFoundError for an unknown model, InvalidInputError for one without weights.
    """
    import torch

    from .generator import load_generator
    from .weights import TOKEN_KEY, TOKEN_KEY_2, unpack

    row = _read_model(store, model_id)
    if row["method"] in STORED_FILES:
        return [_write_stored(row["weights"], Path(out_dir) / STORED_FILES[row["method"]])]
    tensors, metadata = unpack(row["weights"])
    token, whole = row["modifier_token"], {name: tensor for name, tensor in tensors.items() if "." in name}
    folder = Path(BaseGenerator.find(row["base_model"]).folder)
    generator = load_generator(folder, token or free_token(folder))
    find_method(row["method"]).apply(generator, tensors, metadata)
    if row["method"] == "dreambooth":
        generator.network.save_pretrained(Path(out_dir) / generator.network_name)
        return sorted((Path(out_dir) / generator.network_name).iterdir())
    if set(whole) != set(generator.kv):
        whole = {name: parameter.detach() for name, parameter in generator.kv.items()}
    state: dict[str, Any] = {_diffusers_name(name): tensor.float() for name, tensor in whole.items()}
    state |= {name: {} for name in generator.network.attn_processors if ".attn1." in name}
    made = Path(out_dir)
    made.mkdir(parents=True, exist_ok=True)
    contents = {made / WEIGHTS_NAMES[0]: state}
    for key, end in ((TOKEN_KEY, ""), (TOKEN_KEY_2, "_2")):
        if key in tensors:
            contents[made / f"{token}{end}.bin"] = {token: tensors[key].float()}
    for file, content in contents.items():
        torch.save(content, file)
    return list(contents)


def import_diffusers_layout(
    store: Store, in_dir: str | Path, spec: ModelSpec, config: CustomizeConfig
) -> str:
    """Store the two files as the model of `spec`, customized from `config.base`; returns its model id.

    Raises NotFoundError when a file is missing, DataError for files that hold code or no tensors,
    InvalidInputError when they do not fit the base.
    """
    from .generator import load_generator
    from .weights import TOKEN_KEY, TOKEN_KEY_2, apply, pack

    folder, token = Path(in_dir), config.modifier_token
    state = read_tensor_file(_first_file(folder, WEIGHTS_NAMES)).tensors
    embeddings = read_tensor_file(
        _first_file(folder, (f"{token}.bin", f"{token}.pt", f"{token}.safetensors"))
    ).tensors
    if token not in embeddings:
        raise DataError(f"the embedding file has no {token}", hint=f"it has {', '.join(embeddings)}")
    weights = {unet_name(name): tensor.contiguous() for name, tensor in state.items() if ADDED in name}
    weights[TOKEN_KEY] = embeddings[token].reshape(-1).contiguous()
    base = BaseGenerator.find(config.base)
    if base.kind == "sdxl":
        second = read_tensor_file(_first_file(folder, (f"{token}_2.bin", f"{token}_2.safetensors"))).tensors
        weights[TOKEN_KEY_2] = second[token].reshape(-1).contiguous()
    generator = load_generator(Path(base.folder), token)
    apply(generator, weights)
    if all((generator.kv[name] == generator.original[name]).all() for name in generator.kv):
        raise DataError(
            f"{folder} holds the base's own weights", hint="give the folder of a customized model"
        )
    data = pack(weights, find_method(spec.method).metadata(config, base.base_id, weights))
    name = key_id(spec.identity(), content_id(data), base.base_id)
    store.upsert("models", [model_row(name, spec, config=config, base=base, weights=data)])
    return name


def _write_stored(data: bytes, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def _diffusers_name(name: str) -> str:
    """`....attn2.to_k.weight` -> `....attn2.processor.to_k_custom_diffusion.weight`."""
    layer, projection, kind = name.rsplit(".", 2)
    return f"{layer}.processor.{projection}{ADDED}.{kind}"


def unet_name(name: str) -> str:
    """The UNet's own name of a tensor in diffusers' file."""
    return name.replace(".processor.", ".").replace(ADDED, "")


def _first_file(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise NotFoundError(f"{folder} has no {names[0]}", hint="give the folder of one model in this layout")


def _read_model(store: Store, model_id: str) -> dict[str, Any]:
    columns = ["method", "base_model", "modifier_token", "weights"]
    rows: list[dict[str, Any]] = store.read("models", columns, f"model_id = {quote(model_id)}").to_pylist()
    if not rows:
        raise NotFoundError(f"there is no model {model_id!r}", hint='see `query sql "from models"`')
    if rows[0]["weights"] is None:
        raise InvalidInputError(
            f"model {model_id} has no weights: it is the untouched base, or was customized elsewhere",
            hint="export a model that was customized here",
        )
    return rows[0]
