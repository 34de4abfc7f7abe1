"""A base generator in memory: float32 parts on one device, the token V* added, K and V by name."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...store import InvalidInputError
from ..diffusion import CHANNELS_LAST, load_pipeline, tokenize
from .base import no_cross_attention_error
from .prompts import token_taken_error

KV = (".attn2.to_k.", ".attn2.to_v.")


@dataclass
class LoadedGenerator:
    """One base in memory. Only what a method changes ever does, and `reset` puts the base's own back.

    Attributes:
        kv: the K and V parameters of cross-attention by the UNet's own names.
        original: their values in the base.
        token: V* as the tokenizer names it.
        token_id: its id, the row of the token embedding.
        placeholder: what `V*` becomes in prompts: the token, or what a method puts in its place.
        undo: what puts back what a method changed besides `kv`.
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
    placeholder: str = ""
    undo: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.placeholder = self.placeholder or self.token

    @property
    def network(self) -> Any:
        """The network that predicts noise."""
        return self.unet

    @property
    def network_name(self) -> str:
        """What diffusers' pipelines and files call it."""
        return "unet"

    @property
    def adaptable(self) -> dict[str, Any]:
        """The parts that LoRA files can have layers for, by the names that start those of their tensors."""
        return {"unet": self.unet, "text_encoder": self.text_encoder}

    @property
    def embedding(self) -> nn.Embedding:
        """The token embedding table of the text encoder."""
        table: nn.Embedding = self.text_encoder.get_input_embeddings()
        return table

    @property
    def token_row(self) -> Tensor:
        """(hidden,) the embedding of V*: a view, so writing to it changes the text encoder."""
        return self.embedding.weight.data[self.token_id]

    def token_rows(self, count: int) -> Tensor:
        """(count, hidden) the embeddings of V*'s vectors, a view; see `add_vectors`."""
        return self.embedding.weight.data[self.token_id : self.token_id + count]

    def add_vectors(self, count: int) -> None:
        """Let the vocabulary have `count` tokens for V*: the first, then <name>_1, <name>_2 and so on."""
        names = [f"{self.token}_{number}" for number in range(1, count)]
        if self.tokenizer.add_tokens(names):
            self.text_encoder.resize_token_embeddings(len(self.tokenizer), mean_resizing=False)
            self.text_encoder.requires_grad_(False)

    def reset(self) -> None:
        """Put the base's own weights back; only the row of V* keeps what it was."""
        self.undo.close()
        self.placeholder = self.token
        with torch.no_grad():
            for name, parameter in self.kv.items():
                parameter.copy_(self.original[name])

    def tokenize(self, prompts: Sequence[str]) -> Tensor:
        """(prompts, length) int64 token ids on the device, see `diffusion.tokenize`."""
        return tokenize(self.tokenizer, prompts).to(self.device)

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


def load_generator(folder: Path, token: str, device: str = "cpu") -> LoadedGenerator:
    """Load a base from disk and prepare it, see `prepare_generator`."""
    return prepare_generator(load_pipeline(folder), token, device)


def prepare_generator(pipeline: Any, token: str, device: str = "cpu") -> LoadedGenerator:
    """The parts of a StableDiffusionPipeline with `token` added to the vocabulary, frozen, in float32.

    Raises InvalidInputError when the base cannot be customized or has `token` in its vocabulary already.
    """
    unet, text_encoder, tokenizer = pipeline.unet, pipeline.text_encoder, pipeline.tokenizer
    if not tokenizer.add_tokens([token]):
        raise token_taken_error(token)
    text_encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    for part in (unet, text_encoder, pipeline.vae):
        part.to(device=device, dtype=torch.float32, memory_format=CHANNELS_LAST)
        part.requires_grad_(False).eval()
    kv = {name: parameter for name, parameter in unet.named_parameters() if any(key in name for key in KV)}
    hidden = text_encoder.config.hidden_size
    if not kv or any(p.ndim == 2 and p.shape[1] != hidden for p in kv.values()):
        raise no_cross_attention_error("the base")
    if unet.config.in_channels != pipeline.vae.config.latent_channels:
        raise InvalidInputError(
            "the base's UNet needs more inputs than text and noise", hint="use a text-to-image base"
        )
    return LoadedGenerator(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        unet=unet,
        vae=pipeline.vae,
        scheduler_config=pipeline.scheduler.config,
        device=torch.device(device),
        kv=kv,
        original={name: parameter.detach().clone() for name, parameter in kv.items()},
        token=token,
        token_id=tokenizer.convert_tokens_to_ids(token),
    )
