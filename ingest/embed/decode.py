"""Decoding images into the batches of a network: in its own thread, or in processes that share memory.

Every process is served by a thread here, which sends it encoded images and waits. A process that dies is
noticed at once and replaced, and its images are tried again one at a time, so that one image that crashes a
decoder (or hangs it) becomes one failure. The shared memory is an unnamed file: it ends with the processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Event
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...runtime import BadImageError, Preprocessing
from ...runtime.decode import decode_first_frame
from ...runtime.memory import always_reuse_freed_memory
from ...runtime.processes import ChildProcess, answer_requests
from ...store import AttribaseError

FIRST_FRAME = "animated"
"""The reason under which a file of several frames or pages is noted: its first one is embedded."""
CHUNK = 16  # images that a process gets at once, at most
START_SECONDS = 300.0
DECODE_SECONDS = 120.0  # for one image; then it counts as one that hangs the decoder


@dataclass(frozen=True)
class DecodeFailure:
    """What is wrong with an image; `fatal` when it cannot be embedded at all."""

    reason: str
    detail: str
    fatal: bool = True


Pixels: TypeAlias = NDArray[np.float32]
Failures: TypeAlias = list[DecodeFailure | None]  # one an image; None: nothing is wrong with it


@dataclass(frozen=True)
class ImageDecoder:
    """Encoded images to the pixels of a batch. Picklable. Compiled or not, the pixels are the same."""

    preprocessing: Preprocessing
    pixel_limit: int
    compiled: bool = True

    def write(self, source: Any, out: Pixels) -> DecodeFailure | None:
        """Decode one image into `out` (3, size, size), its slot of the batch; zeros where that fails."""
        try:
            image, more = self.read(source)
            self._resize(image, out)
        except BadImageError as error:
            failure = DecodeFailure(error.reason, str(error))
        except MemoryError:
            failure = DecodeFailure("too-many-pixels", "there was not enough memory to decode it")
        except Exception as error:  # decoders have bugs of their own; one image must not stop a job
            failure = DecodeFailure("decoder-error", f"{type(error).__name__}: {error}")
        else:
            note = "the file has several frames or pages: its first one was embedded"
            return DecodeFailure(FIRST_FRAME, note, fatal=False) if more else None
        out[:] = 0
        return failure

    def read(self, source: Any) -> tuple[Image.Image, bool]:
        """The RGB image of `source`, here its bytes, and whether the file holds more frames or pages."""
        return decode_first_frame(source, self.pixel_limit, profiles=self.preprocessing.profiles)

    def _resize(self, image: Image.Image, out: Pixels) -> None:
        if not self.compiled:
            out[:] = self.preprocessing(image)
            return
        from .resize import write_pixels

        write_pixels(image, self.preprocessing, out)


@dataclass(frozen=True)
class Ring:
    """Memory for `slots` batches of pixels that are used in turn, each (batch, 3, size, size) float32."""

    slots: int
    batch: int
    size: int
    memory: Any  # a ctypes array of float, shared or not

    @classmethod
    def allocate(cls, slots: int, batch: int, size: int) -> Ring:
        """Memory that spawned processes can share. It is picklable only while a process starts."""
        return cls(slots, batch, size, get_context("spawn").RawArray("f", slots * batch * 3 * size * size))

    def pixels(self) -> Pixels:
        """Shape (slots, batch, 3, size, size): the memory itself."""
        shape = (self.slots, self.batch, 3, self.size, self.size)
        return np.frombuffer(self.memory, np.float32).reshape(shape)

    def write(self, decoder: ImageDecoder, slot: int, first: int, sources: Sequence[Any]) -> Failures:
        """Decode `sources` into the places `first`, ... of `slot`."""
        places = self.pixels()[slot, first : first + len(sources)]
        return [decoder.write(source, out) for source, out in zip(sources, places, strict=True)]


class BatchDecoder(Protocol):
    """Fills slots of a ring with the pixels of images."""

    def decode(self, slot: int, sources: Sequence[Any]) -> Callable[[], Failures]:
        """Begin to decode `sources` into `slot`; call what is returned to wait for what failed."""

    def close(self) -> None:
        """Stop decoding."""


class InProcessDecoder:
    """Decodes in the thread that waits for the pixels, which is a network's: no thread too many."""

    def __init__(self, decoder: ImageDecoder, ring: Ring) -> None:
        self._decoder, self._ring = decoder, ring

    def decode(self, slot: int, sources: Sequence[Any]) -> Callable[[], Failures]:
        """As `BatchDecoder.decode`."""
        return lambda: self._ring.write(self._decoder, slot, 0, sources)

    def close(self) -> None:
        """There is nothing to stop."""


class DecoderPool:
    """Decodes in spawned processes, a list of images at a time in each."""

    def __init__(self, decoder: ImageDecoder, ring: Ring, workers: int) -> None:
        """Start `workers` processes."""
        self._all = [DecoderProcess(decoder, ring) for _ in range(workers)]
        self._idle: SimpleQueue[DecoderProcess] = SimpleQueue()
        for process in self._all:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="decode")

    def decode(self, slot: int, sources: Sequence[Any]) -> Callable[[], Failures]:
        """As `BatchDecoder.decode`: every process gets a part."""
        size = max(1, min(CHUNK, -(-len(sources) // len(self._all))))
        parts = [
            self._threads.submit(self._decode, slot, first, sources[first : first + size])
            for first in range(0, len(sources), size)
        ]
        return lambda: [failure for part in parts for failure in part.result()]

    def close(self) -> None:
        """End the processes, without waiting for what they are decoding."""
        for process in self._all:
            process.close()
        self._threads.shutdown(cancel_futures=True)

    def _decode(self, slot: int, first: int, sources: Sequence[Any]) -> Failures:
        process = self._idle.get()
        try:
            return process.decode(slot, first, sources)
        finally:
            self._idle.put(process)


class DecoderProcess:
    """A decoding process, replaced when an image crashes or hangs it. For one thread at a time."""

    def __init__(self, decoder: ImageDecoder, ring: Ring) -> None:
        self._decoder, self._ring = decoder, ring
        self._closed, self._ready = Event(), False
        self._process = self._start()

    def decode(self, slot: int, first: int, sources: Sequence[Any]) -> Failures:
        """Decode `sources` into the places `first`, ... of `slot`; what is wrong with each."""
        try:
            return self._request(slot, first, sources)
        except (EOFError, OSError) as error:  # TimeoutError is an OSError
            reason = self._replace(error)
        if len(sources) > 1:
            return [self.decode(slot, first + n, [source])[0] for n, source in enumerate(sources)]
        self._ring.pixels()[slot, first] = 0
        return [DecodeFailure("crashed", f"the process that decoded it {reason}")]

    def close(self) -> None:
        """End the process. Safe from any thread."""
        self._closed.set()
        self._process.kill()
        self._process.join()

    def _request(self, slot: int, first: int, sources: Sequence[Any]) -> Failures:
        if not self._ready:
            self._process.receive(START_SECONDS)
            self._ready = True
        self._process.send((slot, first, sources))
        return list(self._process.receive(DECODE_SECONDS * len(sources)))

    def _start(self) -> ChildProcess:
        return ChildProcess(_serve, self._decoder, self._ring, name="decode")

    def _replace(self, error: Exception) -> str:
        """Start another process; how the last one failed. Raises when it failed before its first image."""
        reason = self._process.failure(error)
        if self._closed.is_set():
            raise AttribaseError("the job was stopped")
        if not self._ready:
            raise AttribaseError(
                f"a decoding process {reason} before it was ready",
                hint='guard the script with `if __name__ == "__main__":`, or use workers=0',
            )
        self._process.kill()
        self._process.join()
        self._process, self._ready = self._start(), False
        if self._closed.is_set():  # meanwhile
            self._process.kill()
        return reason


def _serve(pipe: Connection, decoder: ImageDecoder, ring: Ring) -> None:
    """The main function of a decoding process: answer (slot, first, sources) with what failed."""
    always_reuse_freed_memory()
    pipe.send("ready")
    answer_requests(pipe, lambda request: ring.write(decoder, *request))
