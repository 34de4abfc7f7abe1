"""Layers of LoRA with random values, by the names of kohya's scripts."""

import torch

PARTS = {"lora_unet": "unet", "lora_te": "text_encoder"}
PARTS_OF_SDXL = {"lora_unet": "unet", "lora_te1": "text_encoder", "lora_te2": "text_encoder_2"}


def kohya(pipeline, parts=PARTS, alpha=2.0, ranks=(4, 4)):
    """Layers by kohya's names: of the UNet's attention, a convolution, and the text encoders."""
    noise = torch.Generator().manual_seed(9)
    found = {}
    for prefix, part in parts.items():
        for name, module in getattr(pipeline, part).named_modules():
            chosen = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "ff.net.0.proj", "_proj", "fc1", "fc2")
            if not name.endswith(chosen) or not hasattr(module, "weight"):
                continue
            path = name if prefix == "lora_unet" or name.startswith("text_model") else f"text_model.{name}"
            key = f"{prefix}_{path.replace('.', '_')}"
            rank, kernel = ranks["attn" in name], module.weight.shape[2:]
            ones = (1,) * len(kernel)
            down = torch.randn(rank, module.weight.shape[1], *ones, generator=noise)
            up = torch.randn(module.weight.shape[0], rank, *ones, generator=noise)
            found |= {
                f"{key}.lora_down.weight": 0.7 * down,
                f"{key}.lora_up.weight": 0.7 * up,
                f"{key}.alpha": torch.tensor(alpha),
            }
    return found
