"""Decoding beside the network: spawned processes that write pixels into memory shared with this one.

Every process is served by a thread here, which sends it encoded images and waits: a process that dies is
noticed at once, replaced, and its images are tried again one at a time, so that one image that crashes a
decoder (or hangs it) becomes one failure. The shared memory is an unnamed file: it ends with the processes.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from threading import Event
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...store import AttribaseError
from ..processes import die_with_parent, interrupts_ignored, keep_memory
from .decoding import Decoding, Trouble

Troubles: TypeAlias = list[Trouble | None]
Pixels: TypeAlias = NDArray[np.float32]
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


class Decoders:
    """Decode lists of images into the slots of a ring, several at once. Close it, or use it with `with`."""

    def __init__(self, decoding: Decoding, ring: Ring, workers: int) -> None:
        """Start `workers` processes; 0 decodes in one thread of this process."""
        self._hands: SimpleQueue[Hand] = SimpleQueue()
        self._all = [Hand(decoding, ring, spawned=workers > 0) for _ in range(max(1, workers))]
        for hand in self._all:
            self._hands.put(hand)
        self.count = len(self._all)
        self._threads = ThreadPoolExecutor(len(self._all), thread_name_prefix="decode")

    def submit(self, slot: int, first: int, images: Sequence[bytes]) -> Future[Troubles]:
        """Decode `images` into places `first`, `first` + 1, ... of `slot`; what is wrong with each."""
        return self._threads.submit(self._decode, slot, first, images)

    def close(self) -> None:
        """End the processes, without waiting for what they are at."""
        for hand in self._all:
            hand.close()
        self._threads.shutdown(cancel_futures=True)

    def __enter__(self) -> Decoders:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decode(self, slot: int, first: int, images: Sequence[bytes]) -> Troubles:
        hand = self._hands.get()
        try:
            return hand.decode(slot, first, images)
        finally:
            self._hands.put(hand)


class Hand:
    """A decoding process and the thread's end of the pipe to it; or the same work done here."""

    def __init__(self, decoding: Decoding, ring: Ring, *, spawned: bool) -> None:
        self._decoding, self._ring = decoding, ring
        self._pixels = ring.pixels()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._closed, self._ready = Event(), False
        if spawned:
            self._start()
        self._spawned = spawned

    def decode(self, slot: int, first: int, images: Sequence[bytes]) -> Troubles:
        """What is wrong with each of `images`, once their pixels are in place."""
        if not self._spawned:
            places = self._pixels[slot, first:]
            return [self._decoding.write(data, out) for data, out in zip(images, places, strict=False)]
        try:
            return self._ask(slot, first, images)
        except (EOFError, OSError, TimeoutError) as error:
            how = self._replace(error)
        if len(images) > 1:
            return [self.decode(slot, first + n, [data])[0] for n, data in enumerate(images)]
        self._pixels[slot, first] = 0
        return [Trouble("crashed", f"the process that decoded it {how}")]

    def close(self) -> None:
        """End the process. Safe from any thread."""
        self._closed.set()
        self._end()

    def _ask(self, slot: int, first: int, images: Sequence[bytes]) -> Troubles:
        assert self._connection is not None
        if not self._ready:
            self._wait(START_SECONDS)
            self._connection.recv()
            self._ready = True
        self._connection.send((slot, first, images))
        self._wait(DECODE_SECONDS * len(images))
        return list(self._connection.recv())

    def _wait(self, seconds: float) -> None:
        assert self._connection is not None
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
        assert process is not None
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
        if self._process is not None:
            with suppress(OSError, ValueError):
                self._process.kill()
                self._process.join(GRACE_SECONDS)


def _serve(decoding: Decoding, ring: Ring, connection: Connection) -> None:
    """The life of a decoding process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    keep_memory()
    pixels = ring.pixels()
    with suppress(EOFError, OSError):  # the parent is done with us, or gone
        connection.send("ready")
        while True:
            slot, first, images = connection.recv()
            places = pixels[slot, first : first + len(images)]
            connection.send([decoding.write(data, out) for data, out in zip(images, places, strict=True)])
