"""A base generator in memory, of whatever kind: what methods, training and sampling know of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from ...diffusion import decode_latents, encode_latents

Conditions: TypeAlias = tuple[Tensor, ...]
"""What the network is given of texts: tensors with one row a text, the first (texts, length, hidden)."""


@dataclass(frozen=True)
class Noised:
    """Latents that noise was added to, and what the network is trained to predict from them.

    Attributes:
        noisy: (n, channels, h, w).
        times: (n,) as the network takes them.
        target: (n, channels, h, w).
        weights: (n, 1, 1, 1) of the squared errors, or None where all count alike.
    """

    noisy: Tensor
    times: Tensor
    target: Tensor
    weights: Tensor | None = None


@dataclass(frozen=True)
class TokenEncoder:
    """A text encoder that V* can be learned in."""

    tokenizer: Any
    model: Any
    token: str
    token_id: int

    @property
    def embedding(self) -> nn.Embedding:
        """Its table of token embeddings."""
        table: nn.Embedding = self.model.get_input_embeddings()
        return table

    def token_rows(self, count: int) -> Tensor:
        """(count, hidden) the embeddings of V*'s vectors: a view, so writing to it changes the encoder."""
        return self.embedding.weight.data[self.token_id : self.token_id + count]

    def add_vectors(self, count: int) -> None:
        """Let the vocabulary have `count` tokens for V*: the first, then <name>_1, <name>_2 and so on."""
        names = [f"{self.token}_{number}" for number in range(1, count)]
        if self.tokenizer.add_tokens(names):
            self.model.resize_token_embeddings(len(self.tokenizer), mean_resizing=False)
            self.model.requires_grad_(False)


@dataclass(kw_only=True)
class LoadedGenerator(ABC):
    """One base in memory. Only what a method changes ever does, and `reset` puts the base's own back.

    Attributes:
        kv: the K and V parameters of cross-attention by the network's own names; empty where it has none.
        original: their values in the base.
        token: V* as the tokenizers name it.
        placeholder: what `V*` becomes in prompts: the token, or what a method puts in its place.
        undo: what puts back what a method changed besides `kv`.
        cache: what is computed from the base once, for all models of it.
    """

    vae: Any
    scheduler_config: Any
    device: torch.device
    token: str
    kv: dict[str, nn.Parameter] = field(default_factory=dict)
    original: dict[str, Tensor] = field(default_factory=dict)
    placeholder: str = ""
    undo: ExitStack = field(default_factory=ExitStack)
    cache: dict[Any, Any] = field(default_factory=dict)

    network_name: ClassVar[str]
    """What diffusers' pipelines and files call the network."""

    def __post_init__(self) -> None:
        self.placeholder = self.placeholder or self.token

    @property
    @abstractmethod
    def network(self) -> Any:
        """The network that predicts noise, velocity or flow."""

    @property
    @abstractmethod
    def adaptable(self) -> dict[str, Any]:
        """The parts that LoRA files can have layers for, by the names that start those of their tensors."""

    @property
    def encoders(self) -> list[TokenEncoder]:
        """The text encoders that V* can be learned in; none where only words of the base can stand for it."""
        return []

    @abstractmethod
    def conditions(self, texts: Sequence[str]) -> Conditions:
        """What the network is given of texts, one row each."""

    @abstractmethod
    def empty_conditions(self) -> Conditions:
        """One row: what it is given without a text, for classifier-free guidance."""

    @abstractmethod
    def predict(self, noisy: Tensor, times: Tensor, conditions: Conditions, guidance: float = 1.0) -> Tensor:
        """(n, channels, h, w) float32 from as much, (n,) or () times, and n rows of conditions.

        guidance: for networks that take it as an input; others ignore it.
        """

    @abstractmethod
    def add_noise(self, latents: Tensor, noise: Tensor, rng: torch.Generator) -> Noised:
        """Latents with noise at times that `rng` draws, for training.

        Raises InvalidInputError for a base whose process is not known.
        """

    @abstractmethod
    def denoise(
        self, conditions: Conditions, empty: Conditions, noise: Tensor, *, steps: int, guidance: float
    ) -> Tensor:
        """(n, channels, h, w) noise and n rows of conditions to latents, by the sampler of this kind."""

    def with_sizes(self, conditions: Conditions, sizes: Tensor) -> Conditions:
        """Conditions that say how large the pictures were; only SDXL has such.

        sizes: (n, 2) int64 height and width.
        """
        del sizes
        return conditions

    def noise_shape(self, resolution: int) -> tuple[int, int, int]:
        """(channels, h, w) of the latents of a picture."""
        side = resolution // 2 ** (len(self.vae.config.block_out_channels) - 1)
        return (self.vae.config.latent_channels, side, side)

    def encode(self, pixels: Tensor) -> Tensor:
        """(n, 3, H, W) pixels in [-1, 1] to latents, on the device."""
        return encode_latents(self.vae, pixels.to(self.device))

    def decode(self, latents: Tensor) -> Tensor:
        """Latents to (n, H, W, 3) uint8 images on the CPU."""
        return decode_latents(self.vae, latents)

    def reset(self) -> None:
        """Put the base's own weights back; only the row of V* keeps what it was."""
        self.undo.close()
        self.placeholder = self.token
        with torch.no_grad():
            for name, parameter in self.kv.items():
                parameter.copy_(self.original[name])

    def add_vectors(self, count: int) -> None:
        """Let every text encoder have `count` tokens for V*."""
        for encoder in self.encoders:
            encoder.add_vectors(count)

    def autocast(self) -> AbstractContextManager[Any]:
        """Half precision on CUDA (bfloat16 where the chip has it); parameters stay as they are."""
        if self.device.type != "cuda":
            return nullcontext()
        return torch.autocast("cuda", half_precision())


def half_precision() -> torch.dtype:
    """The half precision of this machine's GPU."""
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def join(*parts: Conditions) -> Conditions:
    """Rows of several conditions, one after the other."""
    return tuple(torch.cat(tensors) for tensors in zip(*parts, strict=True))


def select(conditions: Conditions, rows: Tensor) -> Conditions:
    """Rows of conditions, in the order of `rows`."""
    return tuple(tensor[rows.to(tensor.device)] for tensor in conditions)


def repeat(conditions: Conditions, count: int) -> Conditions:
    """One row of conditions, `count` times."""
    return tuple(tensor.expand(count, *tensor.shape[1:]) for tensor in conditions)
