"""The weights that an ONNX model keeps in other files, given to ONNX Runtime from memory.

By tensors, not by files: ONNX Runtime would copy a file's bytes, and takes no tensor above 2 GiB from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime

from ..store.errors import DataError

ALIGNED = 16  # bytes: what an allocator gives, and large tensors in a file have


def external_tensors(model: bytes, files: Mapping[str, bytes]) -> tuple[list[str], list[Any]]:
    """Names and values of the tensors that `model` keeps in `files`.

    The values share the memory of `files`: keep both as long as the session.

    Raises DataError when the model names a file, or a place in one, that is not there.
    """
    import onnx

    names, values = [], []
    for tensor in onnx.load_from_string(model).graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        where = {entry.key: entry.value for entry in tensor.external_data}
        kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        count = int(np.prod(tensor.dims, dtype=np.int64))
        try:
            data = np.frombuffer(files[where["location"]], kind, count, int(where.get("offset", 0)))
        except (KeyError, ValueError) as error:
            raise DataError(
                f"the weights {tensor.name} of the ONNX model are not there: {error}",
                hint="export the encoder again",
            ) from error
        if data.ctypes.data % ALIGNED:
            data = data.copy()
        names.append(tensor.name)
        values.append(onnxruntime.OrtValue.ortvalue_from_numpy(data.reshape(tuple(tensor.dims))))
    return names, values
