"""Half the bytes a weight and an activation, for GPUs. Inputs and features stay float32."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

KEPT = ("Pow", "ReduceSum", "ReduceMean", "ReduceL2", "ReduceSumSquare", "GlobalAveragePool")
"""Left in float32: powers leave the range of a half (65,504), and long sums lose the small terms."""


def to_fp16(model: Path) -> Any:
    """The ONNX model in the file `model`, converted.

    A CPU has few kernels for halves and casts around the others: there it runs, more slowly than fp32.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it says of each tiny weight that it becomes zero
    try:
        from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

        # Given a path, types are inferred file to file, which works above 2 GiB too.
        return convert_float_to_float16(
            str(model), keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, *KEPT]
        )
    finally:
        logging.disable(before)
