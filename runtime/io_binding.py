"""Inference on buffers of a device that are kept from batch to batch: one copy in, one copy out."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .devices import gpu_count


class BoundSession:
    """A session with input buffers on one device, kept from call to call. For one thread."""

    def __init__(self, session: Any, kind: str, device: int) -> None:
        """`kind` is 'cuda' or 'cpu', as ONNX Runtime calls them; `device` is the number of the GPU."""
        self._session, self._kind, self._device = session, kind, device
        self._binding = session.io_binding()
        self._output: str = session.get_outputs()[0].name
        self._buffers: dict[str, Any] = {}

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The session's first output for `feeds`. From pinned memory (`pin_memory`) the copy in is direct."""
        import onnxruntime

        for name, array in feeds.items():
            buffer = self._buffers.get(name)
            if buffer is None or tuple(buffer.shape()) != array.shape:
                buffer = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
                    array.shape, array.dtype.type, self._kind, self._device
                )
                self._buffers[name] = buffer
                self._binding.bind_ortvalue_input(name, buffer)
            buffer.update_inplace(array)
        self._binding.bind_output(self._output, self._kind, self._device)
        self._session.run_with_iobinding(self._binding)
        features: NDArray[np.float32] = self._binding.copy_outputs_to_cpu()[0]
        return features


@contextlib.contextmanager
def pin_memory(array: NDArray[Any], runtime: Any = None) -> Iterator[bool]:
    """Pin the memory of `array` while the context lasts, so that a GPU copies from it directly.

    For buffers that are reused, as pinning takes longer than one copy. Yields whether it worked; where it did
    not (no CUDA, a limit on locked memory) copies are slower. `runtime`: a CUDA runtime library, for tests.
    """
    library = runtime or _cuda_runtime()
    address = ctypes.c_void_p(array.ctypes.data)
    portable = ctypes.c_uint(1)  # for every GPU, not only the current one
    done = (
        library is not None
        and library.cudaHostRegister(address, ctypes.c_size_t(array.nbytes), portable) == 0
    )
    try:
        yield done
    finally:
        if done and library is not None:
            library.cudaHostUnregister(address)


def _cuda_runtime() -> Any:
    """The CUDA runtime library that ONNX Runtime has loaded; None without a GPU."""
    if not gpu_count():
        return None
    for name in ("libcudart.so.13", "libcudart.so.12", "cudart64_13.dll", "cudart64_12.dll"):
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    return None
