"""The processors to run on: cores within the container's quota, and NVIDIA GPUs, found without a framework.

This is the one place that counts cores: `os.cpu_count` knows nothing of a container's quota.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import math
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"

_CPUS = Path("/sys/devices/system/cpu")
_CPUINFO = Path("/proc/cpuinfo")
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def core_count() -> int:
    """Cores that this process may use: its CPU affinity, at most its container's CPU quota rounded up."""
    quotas = [quota for folder in _cgroup_folders() if (quota := _quota(folder)) is not None]
    return max(1, min(len(_allowed_cpus()), *map(math.ceil, quotas), sys.maxsize))


def network_threads() -> int:
    """Threads for one network: `core_count`, hyper-threads of one core counted once."""
    siblings = set()
    for cpu in _allowed_cpus():
        try:
            siblings.add((_CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text())
        except OSError:
            siblings.add(str(cpu))
    return min(core_count(), len(siblings))


@cache
def has_exact_int8() -> bool:
    """Whether int8 products are exact on this CPU: x86 before VNNI saturates sums of two of them at 16 bits.

    True where the CPU's flags cannot be read (not Linux, not x86).
    """
    try:
        flags = next(line for line in _CPUINFO.read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return True
    return bool({"avx512_vnni", "avx_vnni"} & set(flags.split()))


def load_cuda_driver() -> ctypes.CDLL | None:
    """NVIDIA's driver library, None where it is not installed."""
    try:
        return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None


@cache
def gpu_count() -> int:
    """How many NVIDIA GPUs ONNX Runtime can use: those of CUDA_VISIBLE_DEVICES, or all."""
    import onnxruntime

    if CUDA not in onnxruntime.get_available_providers():
        return 0
    driver = load_cuda_driver()
    count = ctypes.c_int(0)
    if driver is None or driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    with contextlib.redirect_stdout(io.StringIO()):  # it prints which libraries it did not find
        onnxruntime.preload_dlls()  # CUDA and cuDNN where pip installed them
    return count.value


def providers(gpu: int | None = None) -> list[str | tuple[str, dict[str, Any]]]:
    """ONNX Runtime's `providers` argument: a GPU and the CPU for the rest, or the CPU alone.

    `gpu` is its number; None is the first one where there is any, else the CPU; -1 is the CPU. CUDA is
    listed only where there is a GPU: elsewhere ONNX Runtime prints errors before it uses the CPU.
    """
    number = (0 if gpu_count() else -1) if gpu is None else gpu
    if number < 0:
        return [CPU]
    options: dict[str, Any] = {
        # fp32 means fp32: TF32 keeps 10 bits, and features would depend on the machine. fp16 is for speed.
        "use_tf32": 0,
        # The default tries all algorithms for every new batch size, the last one of a shard included.
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
    }
    if number:  # 0 is the default; see `no_plugin_warning`
        options["device_id"] = number
    return [(CUDA, options), CPU]


@contextlib.contextmanager
def no_plugin_warning(gpu: int | None) -> Iterator[None]:
    """Create a session on `gpu` without "No registered plugin EP device found for 'CUDAExecutionProvider'".

    Asked for a `device_id`, ONNX Runtime first looks for a plugin that its own CUDA build does not have, and
    warns on its default logger, which no session option reaches. The first GPU needs no `device_id`; for
    another one the logger's level (warning unless changed, and not readable) is raised to error meanwhile.
    """
    import onnxruntime

    if gpu is None or gpu <= 0:
        yield
        return
    onnxruntime.set_default_logger_severity(3)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(2)


def _cgroup_folders() -> list[Path]:
    """Control groups whose CPU quota holds here: this process's own and all above it, of both versions."""
    found = [_CGROUPS, _CGROUPS / "cpu", _CGROUPS / "cpu,cpuacct"]  # as a container sees its own
    with contextlib.suppress(OSError):
        for line in _OWN_CGROUP.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            own = PurePosixPath(path.lstrip("/"))
            for root in found[1:] if controllers else found[:1]:
                found += [root / part for part in (own, *own.parents)]
    return found


def _quota(folder: Path) -> float | None:
    """The cores that a control group may use; None where there is no such group, or no quota."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return int(quota) / int(period)  # 'max' is no quota
    with contextlib.suppress(OSError, ValueError):
        quota = (folder / "cpu.cfs_quota_us").read_text()
        period = (folder / "cpu.cfs_period_us").read_text()
        return int(quota) / int(period) if int(quota) > 0 else None
    return None


def _allowed_cpus() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))
