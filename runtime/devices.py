"""What there is to run on: cores, threads that pay, and NVIDIA GPUs. Asked without any framework."""

from __future__ import annotations

import contextlib
import ctypes
import io
import math
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import onnxruntime

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"

_CPUS = Path("/sys/devices/system/cpu")
_CPUINFO = Path("/proc/cpuinfo")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores() -> int:
    """Cores that this process may use: what it is pinned to, within its container's share."""
    allowed = len(_allowed())
    try:
        share, period = _QUOTA.read_text().split()
        return max(1, min(allowed, math.ceil(int(share) / int(period))))
    except (OSError, ValueError):  # not a container, or 'max': no limit
        return allowed


def threads() -> int:
    """Threads for one network: `cores`, hyper-threads counted once, as two would share one vector unit."""
    siblings = set()
    for cpu in _allowed():
        try:
            siblings.add((_CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text())
        except OSError:
            siblings.add(str(cpu))
    return min(cores(), len(siblings))


@cache
def has_byte_products() -> bool:
    """Whether int8 products are exact here: on x86 before VNNI, sums of two of them saturate at 16 bits.

    Where the CPU cannot be asked (not Linux, not x86) the answer is yes.
    """
    try:
        flags = next(line for line in _CPUINFO.read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return True
    return bool({"avx512_vnni", "avx_vnni"} & set(flags.split()))


@cache
def gpus() -> int:
    """How many NVIDIA GPUs ONNX Runtime can use here: those of CUDA_VISIBLE_DEVICES, or all."""
    if CUDA not in onnxruntime.get_available_providers():
        return 0
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it cannot find
        onnxruntime.preload_dlls()  # CUDA and cuDNN where pip put them
    return count.value


def providers(gpu: int | None = None) -> list[str | tuple[str, dict[str, Any]]]:
    """What to ask ONNX Runtime for: a GPU and the CPU for the rest, or the CPU alone.

    `gpu` is its number; left out, the first one where there is any, else the CPU; -1 is the CPU. CUDA is
    asked for only where there is a GPU: elsewhere ONNX Runtime prints errors before it falls back.
    """
    number = (0 if gpus() else -1) if gpu is None else gpu
    if number < 0:
        return [CPU]
    options = {
        "device_id": number,
        # fp32 means fp32: TF32 keeps 10 bits, and features would depend on the machine. fp16 is for speed.
        "use_tf32": 0,
        # The default tries all algorithms for every new batch size, the last one of a shard included.
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
    }
    return [(CUDA, options), CPU]


def _allowed() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))
