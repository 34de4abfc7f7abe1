"""One encoded image to its place in a batch, or the reason why not. What a decoding process does all day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...runtime import BadImageError, Preprocessing
from ...runtime.decode import decode_first_frame

FIRST_FRAME = "animated"
"""The reason under which a file of several frames or pages is noted: its first one is embedded."""


@dataclass(frozen=True)
class Trouble:
    """What is wrong with an input; `fatal` when it cannot be embedded at all."""

    reason: str
    detail: str
    fatal: bool = True


@dataclass(frozen=True)
class Decoding:
    """How images become the pixels of a batch. Picklable. Compiled or not, the pixels are the same."""

    preprocessing: Preprocessing
    pixel_limit: int
    compiled: bool = True

    def write(self, data: bytes, out: NDArray[np.float32]) -> Trouble | None:
        """The image `data` as pixels in `out` (3, size, size); zeros where it cannot be decoded."""
        try:
            image, more = decode_first_frame(data, self.pixel_limit)
            self._fill(image, out)
        except BadImageError as error:
            out[:] = 0
            return Trouble(error.reason, str(error))
        except MemoryError:
            out[:] = 0
            return Trouble("too-many-pixels", "there was not enough memory to decode it")
        except Exception as error:  # decoders have bugs of their own; one image must not stop a job
            out[:] = 0
            return Trouble("decoder-error", f"{type(error).__name__}: {error}")
        if more:
            note = "the file has several frames or pages: its first one was embedded"
            return Trouble(FIRST_FRAME, note, fatal=False)
        return None

    def _fill(self, image: Image.Image, out: NDArray[np.float32]) -> None:
        if not self.compiled:
            out[:] = self.preprocessing(image)
            return
        from .resize import write_pixels

        write_pixels(image, self.preprocessing, out)
