"""Decoding for the network: in its own thread, or in spawned processes that write into shared memory.

Every process is served by a thread here, which sends it encoded images and waits: a process that dies is
noticed at once, replaced, and its images are tried again one at a time, so that one image that crashes a
decoder (or hangs it) becomes one failure. The shared memory is an unnamed file: it ends with the processes.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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
from ...store import AttribaseError
from ..workers import die_with_parent, interrupts_ignored

FIRST_FRAME = "animated"
"""The reason under which a file of several frames or pages is noted: its first one is embedded."""


@dataclass(frozen=True)
class DecodeFailure:
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

    def write(self, data: bytes, out: NDArray[np.float32]) -> DecodeFailure | None:
        """The image `data` as pixels in `out` (3, size, size); zeros where it cannot be decoded."""
        try:
            image, more = decode_first_frame(data, self.pixel_limit)
            self._fill(image, out)
        except BadImageError as error:
            out[:] = 0
            return DecodeFailure(error.reason, str(error))
        except MemoryError:
            out[:] = 0
            return DecodeFailure("too-many-pixels", "there was not enough memory to decode it")
        except Exception as error:  # decoders have bugs of their own; one image must not stop a job
            out[:] = 0
            return DecodeFailure("decoder-error", f"{type(error).__name__}: {error}")
        if more:
            note = "the file has several frames or pages: its first one was embedded"
            return DecodeFailure(FIRST_FRAME, note, fatal=False)
        return None

    def _fill(self, image: Image.Image, out: NDArray[np.float32]) -> None:
        if not self.compiled:
            out[:] = self.preprocessing(image)
            return
        from .resize import write_pixels

        write_pixels(image, self.preprocessing, out)


Troubles: TypeAlias = list[DecodeFailure | None]
Pixels: TypeAlias = NDArray[np.float32]
CHUNK = 16  # images that a process gets at once, at most
START_SECONDS = 300.0
DECODE_SECONDS = 120.0  # for one image; then it counts as one that hangs the decoder
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Ring:
    """Room for `slots` batches of pixels, each (batch, 3, size, size) float32."""

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


class Decoders(Protocol):
    """Fills slots of a ring with the pixels of images."""

    def decode(self, slot: int, images: Sequence[bytes]) -> Callable[[], Troubles]:
        """Begin to decode `images` into `slot`; what is returned waits, and says what is wrong with each."""

    def close(self) -> None:
        """End what was begun."""


class InProcessDecoder:
    """Decodes in the thread that waits for the pixels, which is a network's: no thread too many."""

    def __init__(self, decoding: Decoding, ring: Ring) -> None:
        self._decoding, self._pixels = decoding, ring.pixels()

    def decode(self, slot: int, images: Sequence[bytes]) -> Callable[[], Troubles]:
        """As `Decoders.decode`."""

        def work() -> Troubles:
            places = self._pixels[slot, : len(images)]
            return [self._decoding.write(data, out) for data, out in zip(images, places, strict=True)]

        return work

    def close(self) -> None:
        """Nothing to end."""


class DecodingProcesses:
    """Decodes in spawned processes, a list of images at a time in each."""

    def __init__(self, decoding: Decoding, ring: Ring, workers: int) -> None:
        """Start `workers` processes."""
        self._hands: SimpleQueue[DecoderProcess] = SimpleQueue()
        self._all = [DecoderProcess(decoding, ring) for _ in range(workers)]
        for hand in self._all:
            self._hands.put(hand)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="decode")

    def decode(self, slot: int, images: Sequence[bytes]) -> Callable[[], Troubles]:
        """As `Decoders.decode`: every process gets a part."""
        size = max(1, min(CHUNK, -(-len(images) // len(self._all))))
        parts = [
            self._threads.submit(self._ask, slot, first, images[first : first + size])
            for first in range(0, len(images), size)
        ]
        return lambda: [trouble for part in parts for trouble in part.result()]

    def close(self) -> None:
        """End the processes, without waiting for what they are at."""
        for hand in self._all:
            hand.close()
        self._threads.shutdown(cancel_futures=True)

    def _ask(self, slot: int, first: int, images: Sequence[bytes]) -> Troubles:
        hand = self._hands.get()
        try:
            return hand.decode(slot, first, images)
        finally:
            self._hands.put(hand)


class DecoderProcess:
    """A decoding process and this end of the pipe to it."""

    def __init__(self, decoding: Decoding, ring: Ring) -> None:
        self._decoding, self._ring, self._pixels = decoding, ring, ring.pixels()
        self._closed, self._ready = Event(), False
        self._start()

    def decode(self, slot: int, first: int, images: Sequence[bytes]) -> Troubles:
        """What is wrong with each of `images`, once their pixels are in places `first`, ... of `slot`."""
        try:
            return self._ask(slot, first, images)
        except (EOFError, OSError, TimeoutError) as error:
            how = self._replace(error)
        if len(images) > 1:
            return [self.decode(slot, first + n, [data])[0] for n, data in enumerate(images)]
        self._pixels[slot, first] = 0
        return [DecodeFailure("crashed", f"the process that decoded it {how}")]

    def close(self) -> None:
        """End the process. Safe from any thread."""
        self._closed.set()
        self._end()

    def _ask(self, slot: int, first: int, images: Sequence[bytes]) -> Troubles:
        if not self._ready:
            self._wait(START_SECONDS)
            self._connection.recv()
            self._ready = True
        self._connection.send((slot, first, images))
        self._wait(DECODE_SECONDS * len(images))
        return list(self._connection.recv())

    def _wait(self, seconds: float) -> None:
        if not self._connection.poll(seconds):
            raise TimeoutError(f"gave no answer in {seconds:.0f} seconds")

    def _start(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (self._decoding, self._ring, theirs)
        self._process = context.Process(target=_serve, args=arguments, daemon=True, name="decode")
        self._ready = False
        with interrupts_ignored():
            self._process.start()
        theirs.close()

    def _replace(self, error: Exception) -> str:
        """Start another process; how the last one ended. Raises when it ended before its first image."""
        process = self._process
        if not isinstance(error, TimeoutError):
            process.join(GRACE_SECONDS)
        code = process.exitcode
        how = (
            str(error) if code is None else f"was killed by signal {-code}" if code < 0 else f"ended ({code})"
        )
        if self._closed.is_set():
            raise AttribaseError("the job was stopped")
        if not self._ready:
            raise AttribaseError(
                f"a decoding process {how} before it was ready",
                hint='guard the script with `if __name__ == "__main__":`, or use workers=0',
            )
        self._end()
        self._start()
        if self._closed.is_set():  # meanwhile
            self._end()
        return how

    def _end(self) -> None:
        with suppress(OSError, ValueError):
            self._process.kill()
            self._process.join(GRACE_SECONDS)


def _serve(decoding: Decoding, ring: Ring, connection: Connection) -> None:
    """The life of a decoding process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    always_reuse_freed_memory()
    pixels = ring.pixels()
    with suppress(EOFError, OSError):  # the parent is done with us, or gone
        connection.send("ready")
        while True:
            slot, first, images = connection.recv()
            places = pixels[slot, first : first + len(images)]
            connection.send([decoding.write(data, out) for data, out in zip(images, places, strict=True)])
