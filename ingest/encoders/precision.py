"""Variants of an encoder: `NAME` is fp32, `NAME@fp16` for GPUs, `NAME@int8` for CPUs.

Each is an encoder of its own, with its own features: those of two variants are never mixed in one table.
"""

from __future__ import annotations

from ...store.errors import InvalidInputError

FP32, FP16, INT8 = "fp32", "fp16", "int8"
PRECISIONS = (FP32, FP16, INT8)


def variant_name(name: str, precision: str) -> str:
    """What the encoder `name` is called in `precision`. Raises InvalidInputError for an unknown one."""
    if precision not in PRECISIONS:
        raise InvalidInputError(
            f"there is no precision {precision!r}", hint=f"use one of {', '.join(PRECISIONS)}"
        )
    base, _ = split_name(name)
    return base if precision == FP32 else f"{base}@{precision}"


def split_name(name: str) -> tuple[str, str]:
    """(the fp32 encoder, precision) of a name: `vit-b16@int8` is ("vit-b16", "int8")."""
    base, at, precision = name.rpartition("@")
    return (base, precision) if at and precision in PRECISIONS else (name, FP32)
