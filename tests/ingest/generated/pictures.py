"""Pictures as generators and their interfaces write them, made with Pillow."""

import io
import json

import numpy as np
from PIL import Image, PngImagePlugin

PARAMETERS = (
    "a red house, (oil painting:1.2)\nby the sea\n"
    "Negative prompt: blurry, low quality\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 4294967295, Size: 512x512, Model hash: 6ce0161689, "
    'Model: v1-5-pruned, Lora hashes: "a: 1, b: 2", Version: v1.6.0'
)
GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 156680208700286,
            "steps": 25,
            "cfg": 6.5,
            "sampler_name": "dpmpp_2m",
            "scheduler": "karras",
            "denoise": 1,
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a blue boat", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
}


def pixels(number=0, size=(24, 16)):
    """A picture that differs by `number`."""
    rng = np.random.default_rng(number)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8))


def png(number=0, **texts):
    """PNG with text chunks."""
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text if isinstance(text, str) else json.dumps(text))
    file = io.BytesIO()
    pixels(number).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def with_comment(number=0, form="JPEG", comment=PARAMETERS, encoding="utf-16-be"):
    """JPEG or WebP with EXIF's UserComment, as piexif writes it."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + comment.encode(encoding)
    file = io.BytesIO()
    pixels(number).save(file, form, exif=exif)
    return file.getvalue()


def write_part(folder, count=3):
    """A part of DiffusionDB: pictures beside `part-000001.json`."""
    part = folder / "part-000001"
    part.mkdir(parents=True)
    rows = {}
    for number in range(count):
        name = f"{number:08d}-0000.png"
        (part / name).write_bytes(png(100 + number))
        rows[name] = {"p": f"prompt {number}", "se": 1000 + number, "c": 7.5, "st": 50, "sa": "k_lms"}
    (part / "part-000001.json").write_text(json.dumps(rows))
    return part
