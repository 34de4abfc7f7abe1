"""Stable Diffusion XL (arXiv:2307.01952): two CLIP text encoders, and the sizes of pictures as conditions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...diffusion import CHANNELS_LAST, tokenize
from .loaded import Conditions, TokenEncoder
from .stable_diffusion import StableDiffusion, add_token, cross_attention, freeze


@dataclass(kw_only=True)
class StableDiffusionXL(StableDiffusion):
    """A StableDiffusionXLPipeline's parts.

    Its conditions are states, pooled states and, while training, sizes.

    Attributes:
        zero_when_empty: whether the conditions without a text are zeros, as the base says.
    """

    tokenizer_2: Any
    text_encoder_2: Any
    token_id_2: int
    zero_when_empty: bool

    @property
    def adaptable(self) -> dict[str, Any]:
        """The UNet and both text encoders."""
        return {**super().adaptable, "text_encoder_2": self.text_encoder_2}

    @property
    def encoders(self) -> list[TokenEncoder]:
        """Both text encoders."""
        second = TokenEncoder(self.tokenizer_2, self.text_encoder_2, self.token, self.token_id_2)
        return [*super().encoders, second]

    def conditions(self, texts: Sequence[str]) -> Conditions:
        """(texts, length, hidden) states of both encoders' last layers but one; (texts, width) pooled."""
        found = []
        for encoder in self.encoders:
            ids = tokenize(encoder.tokenizer, texts).to(self.device)
            found.append(encoder.model(ids, output_hidden_states=True))
        states = torch.cat([one.hidden_states[-2] for one in found], dim=-1)
        return (states, found[-1][0])

    def empty_conditions(self) -> Conditions:
        """Zeros, or those of the empty text."""
        found = self.conditions([""])
        return tuple(torch.zeros_like(part) for part in found) if self.zero_when_empty else found

    def with_sizes(self, conditions: Conditions, sizes: Tensor) -> Conditions:
        """Add the sizes that pictures had before they were resized."""
        return (*conditions, sizes.to(self.device))

    def predict(self, noisy: Tensor, times: Tensor, conditions: Conditions, guidance: float = 1.0) -> Tensor:
        """Noise or velocity; pictures without sizes had that of the latents, none was cut."""
        del guidance
        noisy, states, pooled = noisy.contiguous(memory_format=CHANNELS_LAST), *conditions[:2]
        target = torch.tensor(noisy.shape[-2:]) * 2 ** (len(self.vae.config.block_out_channels) - 1)
        targets = target.to(noisy.device).expand(len(noisy), 2)
        original = conditions[2] if len(conditions) > 2 else targets
        sizes = torch.cat([original, torch.zeros_like(targets), targets], dim=1).to(pooled.dtype)
        added = {"text_embeds": pooled, "time_ids": sizes}
        with self.autocast():
            predicted: Tensor = self.unet(noisy, times, states, added_cond_kwargs=added, return_dict=False)[0]
        return predicted.float()


def prepare_sdxl(pipeline: Any, token: str, device: torch.device) -> StableDiffusionXL:
    """The parts of a StableDiffusionXLPipeline with `token` in both vocabularies, frozen, in float32.

    Raises InvalidInputError when the base cannot be customized or has `token` in a vocabulary already.
    """
    ids = [
        add_token(pipeline.tokenizer, pipeline.text_encoder, token),
        add_token(pipeline.tokenizer_2, pipeline.text_encoder_2, token),
    ]
    freeze(pipeline, ("unet", "text_encoder", "text_encoder_2", "vae"), device)
    kv = cross_attention(pipeline)
    return StableDiffusionXL(
        tokenizer=pipeline.tokenizer,
        text_encoder=pipeline.text_encoder,
        tokenizer_2=pipeline.tokenizer_2,
        text_encoder_2=pipeline.text_encoder_2,
        unet=pipeline.unet,
        vae=pipeline.vae,
        scheduler_config=pipeline.scheduler.config,
        device=device,
        kv=kv,
        original={name: parameter.detach().clone() for name, parameter in kv.items()},
        token=token,
        token_id=ids[0],
        token_id_2=ids[1],
        zero_when_empty=bool(pipeline.config.get("force_zeros_for_empty_prompt", True)),
    )
