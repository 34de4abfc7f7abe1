"""Stable Diffusion 1.x, 2.x and the embedded world: one CLIP text encoder, a UNet, noise by DDPM, DDIM."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ....store import InvalidInputError
from ...diffusion import CHANNELS_LAST, noisy_latents_and_target, tokenize
from ..layout import no_cross_attention_error
from ..prompts import token_taken_error
from .loaded import Conditions, LoadedGenerator, Noised, TokenEncoder, join, repeat

KV = (".attn2.to_k.", ".attn2.to_v.")


@dataclass(kw_only=True)
class StableDiffusion(LoadedGenerator):
    """A StableDiffusionPipeline's parts.

    Attributes:
        token_id: the row of V* in the token embedding.
    """

    tokenizer: Any
    text_encoder: Any
    unet: Any
    token_id: int

    network_name: ClassVar[str] = "unet"

    @property
    def network(self) -> Any:
        """The UNet."""
        return self.unet

    @property
    def adaptable(self) -> dict[str, Any]:
        """The UNet and the text encoder."""
        return {"unet": self.unet, "text_encoder": self.text_encoder}

    @property
    def encoders(self) -> list[TokenEncoder]:
        """The text encoder."""
        return [TokenEncoder(self.tokenizer, self.text_encoder, self.token, self.token_id)]

    @property
    def embedding(self) -> nn.Embedding:
        """The token embedding table of the text encoder."""
        return self.encoders[0].embedding

    @property
    def token_row(self) -> Tensor:
        """(hidden,) the embedding of V*: a view, so writing to it changes the text encoder."""
        return self.token_rows(1)[0]

    def token_rows(self, count: int) -> Tensor:
        """(count, hidden) the embeddings of V*'s vectors, a view; see `add_vectors`."""
        return self.encoders[0].token_rows(count)

    def conditions(self, texts: Sequence[str]) -> Conditions:
        """(texts, length, hidden) states, as StableDiffusionPipeline's."""
        ids = tokenize(self.tokenizer, texts).to(self.device)
        return (self.text_encoder(ids)[0],)

    def empty_conditions(self) -> Conditions:
        """Those of the empty text."""
        return self.conditions([""])

    def predict(self, noisy: Tensor, times: Tensor, conditions: Conditions, guidance: float = 1.0) -> Tensor:
        """Noise or velocity."""
        del guidance
        noisy = noisy.contiguous(memory_format=CHANNELS_LAST)
        with self.autocast():
            predicted: Tensor = self.unet(noisy, times, conditions[0], return_dict=False)[0]
        return predicted.float()

    def add_noise(self, latents: Tensor, noise: Tensor, rng: torch.Generator) -> Noised:
        """By the base's schedule, at times that are all as likely."""
        scheduler = self._training_scheduler()
        steps = scheduler.config.num_train_timesteps
        times = torch.randint(steps, (len(latents),), generator=rng).to(latents.device)
        noisy, target = noisy_latents_and_target(scheduler, latents, noise, times)
        return Noised(noisy, times, target)

    def denoise(
        self, conditions: Conditions, empty: Conditions, noise: Tensor, *, steps: int, guidance: float
    ) -> Tensor:
        """By DDIM, with classifier-free guidance."""
        from diffusers import DDIMScheduler

        scheduler = DDIMScheduler.from_config(self.scheduler_config)
        scheduler.set_timesteps(steps, device=self.device)
        guided = guidance > 1
        if guided:
            conditions = join(repeat(empty, len(noise)), conditions)
        latents = noise.to(self.device) * scheduler.init_noise_sigma
        for time in scheduler.timesteps:
            inputs = torch.cat([latents, latents]) if guided else latents
            predicted = self.predict(scheduler.scale_model_input(inputs, time), time, conditions)
            if guided:
                without, with_text = predicted.chunk(2)
                predicted = without + guidance * (with_text - without)
            latents = scheduler.step(predicted, time, latents, return_dict=False)[0]
        drawn: Tensor = latents
        return drawn

    def _training_scheduler(self) -> Any:
        """The base's noise schedule, made once: every step needs it.

        Raises InvalidInputError when the base predicts neither noise nor velocity.
        """
        if "schedule" not in self.cache:
            from diffusers import DDPMScheduler

            scheduler = DDPMScheduler.from_config(self.scheduler_config)
            kind = scheduler.config.prediction_type
            if kind not in ("epsilon", "v_prediction"):
                raise InvalidInputError(
                    f"the base predicts {kind!r}", hint="use a base that predicts epsilon or v_prediction"
                )
            self.cache["schedule"] = scheduler
        return self.cache["schedule"]


def prepare_stable_diffusion(pipeline: Any, token: str, device: torch.device) -> StableDiffusion:
    """The parts of a StableDiffusionPipeline with `token` added to the vocabulary, frozen, in float32.

    Raises InvalidInputError when the base cannot be customized or has `token` in its vocabulary already.
    """
    token_id = add_token(pipeline.tokenizer, pipeline.text_encoder, token)
    freeze(pipeline, ("unet", "text_encoder", "vae"), device)
    kv = cross_attention(pipeline)
    return StableDiffusion(
        tokenizer=pipeline.tokenizer,
        text_encoder=pipeline.text_encoder,
        unet=pipeline.unet,
        vae=pipeline.vae,
        scheduler_config=pipeline.scheduler.config,
        device=device,
        kv=kv,
        original={name: parameter.detach().clone() for name, parameter in kv.items()},
        token=token,
        token_id=token_id,
    )


def add_token(tokenizer: Any, text_encoder: Any, token: str) -> int:
    """Add V* to a vocabulary; returns its id. Raises InvalidInputError where it is there already."""
    if not tokenizer.add_tokens([token]):
        raise token_taken_error(token)
    text_encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    return int(tokenizer.convert_tokens_to_ids(token))


def freeze(pipeline: Any, parts: Sequence[str], device: torch.device) -> None:
    """Parts of a pipeline to the device, in float32, without gradients."""
    for name in parts:
        part = getattr(pipeline, name)
        part.to(device=device, dtype=torch.float32, memory_format=CHANNELS_LAST)
        part.requires_grad_(False).eval()


def cross_attention(pipeline: Any) -> dict[str, nn.Parameter]:
    """K and V of the UNet's cross-attention. Raises InvalidInputError where it has none, or odd inputs."""
    unet = pipeline.unet
    kv = {name: parameter for name, parameter in unet.named_parameters() if any(key in name for key in KV)}
    hidden = unet.config.cross_attention_dim
    if not kv or any(p.ndim == 2 and p.shape[1] != hidden for p in kv.values()):
        raise no_cross_attention_error("the base")
    if unet.config.in_channels != pipeline.vae.config.latent_channels:
        raise InvalidInputError(
            "the base's UNet needs more inputs than text and noise", hint="use a text-to-image base"
        )
    return kv
