"""A loaded base: its parts in float32 on one device, the token V* added, K and V at hand."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...store import InvalidInputError
from .base import no_cross_attention

KV = (".attn2.to_k.", ".attn2.to_v.")


@dataclass
class Pipeline:
    """One base, in memory. `kv` and the row `token_id` of the token embedding are all that ever changes.

    Attributes:
        kv: the K and V parameters of cross-attention by the UNet's own names.
        original: what they were in the base.
        token_row: (hidden,) the embedding of V*; a view, so writing to it changes the text encoder.
    """

    tokenizer: Any
    text_encoder: Any
    unet: Any
    vae: Any
    scheduler_config: Any
    device: torch.device
    kv: dict[str, nn.Parameter]
    original: dict[str, Tensor]
    token: str
    token_id: int

    @property
    def embedding(self) -> nn.Embedding:
        """The token embedding table of the text encoder."""
        table: nn.Embedding = self.text_encoder.get_input_embeddings()
        return table

    @property
    def token_row(self) -> Tensor:
        """(hidden,) the embedding of V*."""
        return self.embedding.weight.data[self.token_id]

    def reset(self) -> None:
        """Put the base's own K and V back."""
        with torch.no_grad():
            for name, parameter in self.kv.items():
                parameter.copy_(self.original[name])

    def tokenize(self, prompts: Sequence[str]) -> Tensor:
        """(prompts, length) int64 token ids, padded, the surplus cut."""
        ids: Tensor = self.tokenizer(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=self.tokenizer.model_max_length,
            return_tensors="pt",
        ).input_ids
        return ids.to(self.device)

    def encode_text(self, ids: Tensor) -> Tensor:
        """(prompts, length) ids to (prompts, length, hidden) states, as StableDiffusionPipeline does."""
        states: Tensor = self.text_encoder(ids)[0]
        return states

    def autocast(self) -> AbstractContextManager[Any]:
        """Half precision on CUDA (bfloat16 where the chip has it); parameters stay float32."""
        if self.device.type != "cuda":
            return nullcontext()
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.autocast("cuda", torch.bfloat16 if bf16 else torch.float16)


def load_pipeline(folder: Path, token: str, device: str = "cpu") -> Pipeline:
    """Load a base from disk and prepare it, see `prepare`."""
    return prepare(_load_parts(folder), token, device)


def prepare(parts: Any, token: str, device: str = "cpu") -> Pipeline:
    """A StableDiffusionPipeline's parts with `token` added to the vocabulary, frozen, in float32.

    Raises InvalidInputError when the base cannot be customized or knows `token` already.
    """
    unet, text_encoder, tokenizer = parts.unet, parts.text_encoder, parts.tokenizer
    if not tokenizer.add_tokens([token]):
        raise InvalidInputError(
            f"the base knows the token {token} already", hint="choose another modifier token"
        )
    text_encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    for part in (unet, text_encoder, parts.vae):
        part.to(device=device, dtype=torch.float32, memory_format=torch.channels_last)
        part.requires_grad_(False).eval()
    kv = {name: parameter for name, parameter in unet.named_parameters() if any(key in name for key in KV)}
    hidden = text_encoder.config.hidden_size
    if not kv or any(p.ndim == 2 and p.shape[1] != hidden for p in kv.values()):
        raise no_cross_attention("the base")
    if unet.config.in_channels != parts.vae.config.latent_channels:
        raise InvalidInputError(
            "the base draws from more than text and noise", hint="use a text-to-image base"
        )
    return Pipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        unet=unet,
        vae=parts.vae,
        scheduler_config=parts.scheduler.config,
        device=torch.device(device),
        kv=kv,
        original={name: parameter.detach().clone() for name, parameter in kv.items()},
        token=token,
        token_id=tokenizer.convert_tokens_to_ids(token),
    )


def _load_parts(folder: Path) -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import diffusers
    import transformers

    for logging in (diffusers.utils.logging, transformers.utils.logging):
        logging.disable_progress_bar()
        logging.set_verbosity_error()
    return diffusers.StableDiffusionPipeline.from_pretrained(
        folder,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        local_files_only=True,
    )
