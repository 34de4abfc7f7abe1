"""Stable Diffusion 3 (arXiv:2403.03206) and Flux: a transformer that predicts flow; several text encoders.

V* is a word of the base here: no embedding is learned, so texts are encoded once. On CUDA the weights are in
half precision.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from .loaded import Conditions, LoadedGenerator, Noised, half_precision, join, repeat

TEXTS_KEPT = 256
"""Encoded texts kept in memory: each is some megabytes."""


@dataclass(kw_only=True)
class FlowGenerator(LoadedGenerator):
    """A pipeline whose transformer predicts flow.

    Attributes:
        pipeline: of diffusers, which encodes texts.
    """

    pipeline: Any
    transformer: Any

    network_name: ClassVar[str] = "transformer"
    weighting: ClassVar[str]
    """How times are drawn while training, as diffusers' `compute_density_for_timestep_sampling` names it."""

    @property
    def network(self) -> Any:
        """The transformer."""
        return self.transformer

    @property
    def adaptable(self) -> dict[str, Any]:
        """The transformer and the text encoders of CLIP."""
        encoders = {name: getattr(self.pipeline, name, None) for name in ("text_encoder", "text_encoder_2")}
        clip = {name: part for name, part in encoders.items() if type(part).__name__.startswith("CLIP")}
        return {"transformer": self.transformer, **clip}

    def conditions(self, texts: Sequence[str]) -> Conditions:
        """(texts, length, hidden) states and (texts, width) pooled, as the pipeline encodes them."""
        return join(*(self._encoded(text) for text in texts))

    def empty_conditions(self) -> Conditions:
        """Those of the empty text."""
        return self.conditions([""])

    def add_noise(self, latents: Tensor, noise: Tensor, rng: torch.Generator) -> Noised:
        """On the line between both, at times of the kind's density; the target is the line's direction."""
        from diffusers.training_utils import (
            compute_density_for_timestep_sampling,
            compute_loss_weighting_for_sd3,
        )

        scheduler = self._training_scheduler()
        drawn = compute_density_for_timestep_sampling(
            self.weighting, len(latents), logit_mean=0.0, logit_std=1.0, generator=rng
        )
        steps = scheduler.config.num_train_timesteps
        places = (drawn * steps).long().clamp(max=steps - 1)
        times = scheduler.timesteps[places].to(latents.device)
        sigmas = scheduler.sigmas[places].to(latents.device)[:, None, None, None]
        noisy = (1 - sigmas) * latents + sigmas * noise
        weights = compute_loss_weighting_for_sd3(self.weighting, sigmas)
        return Noised(noisy, times, noise - latents, weights)

    def denoise(
        self, conditions: Conditions, empty: Conditions, noise: Tensor, *, steps: int, guidance: float
    ) -> Tensor:
        """By Euler's method."""
        scheduler = self._schedule(noise, steps)
        latents = noise.to(self.device)
        guided = self._is_guided(guidance)
        if guided:
            conditions = join(repeat(empty, len(noise)), conditions)
        for time in scheduler.timesteps:
            inputs = torch.cat([latents, latents]) if guided else latents
            predicted = self.predict(inputs, time.expand(len(inputs)), conditions, guidance)
            if guided:
                without, with_text = predicted.chunk(2)
                predicted = without + guidance * (with_text - without)
            latents = scheduler.step(predicted, time, latents, return_dict=False)[0]
        return latents

    @abstractmethod
    def _encode(self, text: str) -> Conditions:
        """One row."""

    @abstractmethod
    def _is_guided(self, guidance: float) -> bool:
        """Whether sampling needs predictions without the text."""

    def _sigmas(self, steps: int) -> Any:
        """Those that the pipeline gives its scheduler; None where it leaves them to it."""
        del steps
        return None

    def _encoded(self, text: str) -> Conditions:
        """One row; kept where the text encoders are the base's own."""
        if any(
            getattr(part, "peft_config", None) for part in self.adaptable.values() if part is not self.network
        ):
            return self._encode(text)
        kept: dict[str, Conditions] = self.cache.setdefault("texts", {})
        if text not in kept:
            if len(kept) >= TEXTS_KEPT:
                kept.pop(next(iter(kept)))
            with torch.no_grad():
                kept[text] = self._encode(text)
        return kept[text]

    def _training_scheduler(self) -> Any:
        """The base's noise schedule, made once: every step needs it."""
        if "schedule" not in self.cache:
            from diffusers import FlowMatchEulerDiscreteScheduler

            self.cache["schedule"] = FlowMatchEulerDiscreteScheduler.from_config(self.scheduler_config)
        return self.cache["schedule"]

    def _schedule(self, noise: Tensor, steps: int) -> Any:
        from diffusers import FlowMatchEulerDiscreteScheduler
        from diffusers.pipelines.flux.pipeline_flux import calculate_shift

        scheduler = FlowMatchEulerDiscreteScheduler.from_config(self.scheduler_config)
        names = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
        tokens = (noise.shape[-2] // 2) * (noise.shape[-1] // 2)
        shift = calculate_shift(tokens, *(scheduler.config[name] for name in names))
        scheduler.set_timesteps(steps, device=self.device, sigmas=self._sigmas(steps), mu=shift)
        return scheduler


class StableDiffusion3(FlowGenerator):
    """A StableDiffusion3Pipeline's parts."""

    weighting: ClassVar[str] = "logit_normal"

    def predict(self, noisy: Tensor, times: Tensor, conditions: Conditions, guidance: float = 1.0) -> Tensor:
        """Flow."""
        del guidance
        with self.autocast():
            predicted: Tensor = self.transformer(
                hidden_states=noisy,
                timestep=times,
                encoder_hidden_states=conditions[0],
                pooled_projections=conditions[1],
                return_dict=False,
            )[0]
        return predicted.float()

    def _encode(self, text: str) -> Conditions:
        states, _, pooled, _ = self.pipeline.encode_prompt(
            text, None, None, device=self.device, do_classifier_free_guidance=False
        )
        return (states, pooled)

    def _is_guided(self, guidance: float) -> bool:
        return guidance > 1


class Flux(FlowGenerator):
    """A FluxPipeline's parts. Where its network takes guidance, that is 1 while training."""

    weighting: ClassVar[str] = "none"

    def predict(self, noisy: Tensor, times: Tensor, conditions: Conditions, guidance: float = 1.0) -> Tensor:
        """Flow, of tokens of two by two cells."""
        from diffusers import FluxPipeline

        count, channels, height, width = noisy.shape
        packed = FluxPipeline._pack_latents(noisy, count, channels, height, width)
        places = FluxPipeline._prepare_latent_image_ids(
            count, height // 2, width // 2, noisy.device, noisy.dtype
        )
        given = None
        if self.transformer.config.guidance_embeds:
            given = torch.full((count,), guidance, device=noisy.device, dtype=torch.float32)
        with self.autocast():
            predicted = self.transformer(
                hidden_states=packed,
                timestep=times / 1000,
                guidance=given,
                pooled_projections=conditions[1],
                encoder_hidden_states=conditions[0],
                txt_ids=torch.zeros(conditions[0].shape[1], 3, device=noisy.device),
                img_ids=places,
                return_dict=False,
            )[0]
        factor = self.pipeline.vae_scale_factor
        unpacked: Tensor = FluxPipeline._unpack_latents(predicted, height * factor, width * factor, factor)
        return unpacked.float()

    def _encode(self, text: str) -> Conditions:
        states, pooled, _ = self.pipeline.encode_prompt(text, device=self.device)
        return (states, pooled)

    def _is_guided(self, guidance: float) -> bool:
        del guidance  # an input of the network
        return False

    def _sigmas(self, steps: int) -> Any:
        if self.scheduler_config.get("use_flow_sigmas"):
            return None
        return np.linspace(1.0, 1 / steps, steps)


def prepare_sd3(pipeline: Any, token: str, device: torch.device) -> StableDiffusion3:
    """The parts of a StableDiffusion3Pipeline, frozen."""
    return StableDiffusion3(**_parts(pipeline, token, device))


def prepare_flux(pipeline: Any, token: str, device: torch.device) -> Flux:
    """The parts of a FluxPipeline, frozen."""
    return Flux(**_parts(pipeline, token, device))


def _parts(pipeline: Any, token: str, device: torch.device) -> dict[str, Any]:
    networks = ("transformer", "text_encoder", "text_encoder_2", "text_encoder_3", "vae")
    for name in networks:
        part = getattr(pipeline, name, None)
        if part is not None:
            half = device.type == "cuda" and name != "vae"
            part.to(device=device, dtype=half_precision() if half else torch.float32)
            part.requires_grad_(False).eval()
    return {
        "pipeline": pipeline,
        "transformer": pipeline.transformer,
        "vae": pipeline.vae,
        "scheduler_config": pipeline.scheduler.config,
        "device": device,
        "token": token,
    }
