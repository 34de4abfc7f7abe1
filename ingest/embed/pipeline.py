"""Reading, decoding and the network at the same time, in order, over a ring of batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...runtime import OnnxEncoder
from .decode import BatchDecoder, DecodeFailure, DecoderPool, Failures, ImageDecoder, InProcessDecoder, Ring
from .networks import CPU_BATCH, on_gpu

Item = TypeVar("Item")
Tokens: TypeAlias = NDArray[np.int64]
Features: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Batch(Generic[Item]):
    """Some items, what is wrong with each (None: nothing), and their features (items, dim).

    The features of an item with a fatal failure mean nothing.
    """

    items: Sequence[Item]
    failures: Failures
    features: Features


@dataclass(frozen=True)
class EmbeddingPipeline(Generic[Item]):
    """Networks (one a device or CPU lane), the decoder that feeds them, and the ring between the two.

    `captions` are those of some items, for encoders that look at captions.
    """

    networks: Sequence[OnnxEncoder]
    decoder: BatchDecoder
    ring: Ring
    captions: Callable[[Sequence[Item]], Sequence[str]]

    def run(self, source: Iterator[tuple[Item, Any]]) -> Generator[Batch[Item], None, None]:
        """Embed (item, encoded image) pairs, a batch at a time, in order.

        While the networks run, the next batches are decoded and the ones after those are read. In memory are
        the ring and the encoded images of one batch more than it holds. Once at its end, it may be run again.
        """
        idle: SimpleQueue[OnnxEncoder] = SimpleQueue()
        for network in self.networks:
            idle.put(network)
        free = deque(range(self.ring.slots))
        running: deque[tuple[int, Future[Batch[Item]]]] = deque()
        reader = ThreadPoolExecutor(1, thread_name_prefix="read")
        runner = ThreadPoolExecutor(len(self.networks), thread_name_prefix="network")

        def finish_oldest() -> Batch[Item]:
            slot, future = running.popleft()
            batch = future.result()
            free.append(slot)
            return batch

        try:
            ahead = reader.submit(self._read, source)
            while read := ahead.result():
                items, images, tokens = read
                ahead = reader.submit(self._read, source)
                slot = free.popleft()
                decoded = self.decoder.decode(slot, images)
                running.append((slot, runner.submit(self._embed, idle, slot, items, decoded, tokens)))
                while running and (not free or running[0][1].done()):
                    yield finish_oldest()
            while running:
                yield finish_oldest()
        except BaseException:
            self.decoder.close()
            raise
        finally:
            runner.shutdown(cancel_futures=True)
            reader.shutdown(cancel_futures=True)

    def _read(self, source: Iterator[tuple[Item, Any]]) -> tuple[list[Item], list[Any], Tokens | None] | None:
        pairs = list(islice(source, self.ring.batch))
        if not pairs:
            return None
        items = [item for item, _ in pairs]
        return items, [image for _, image in pairs], self.networks[0].tokens(self.captions(items))

    def _embed(
        self,
        idle: SimpleQueue[OnnxEncoder],
        slot: int,
        items: list[Item],
        decoded: Callable[[], Failures],
        tokens: Tokens | None,
    ) -> Batch[Item]:
        failures = decoded()
        network = idle.get()
        try:
            if all(failure is not None and failure.fatal for failure in failures):
                return Batch(items, failures, np.zeros((len(items), network.dim), np.float32))
            features = network.run(self.ring.pixels()[slot, : len(items)], tokens)
        finally:
            idle.put(network)
        for row in np.flatnonzero(~np.isfinite(features).all(axis=1)):
            if (before := failures[row]) is None or not before.fatal:
                failures[row] = DecodeFailure("nan", "the encoder returned a value that is not finite")
        return Batch(items, failures, features)


@contextmanager
def open_pipeline(
    networks: Sequence[OnnxEncoder],
    decoder: ImageDecoder,
    captions: Callable[[Sequence[Item]], Sequence[str]],
    *,
    batch: int,
    workers: int,
) -> Iterator[EmbeddingPipeline[Item]]:
    """A pipeline with batches of `batch` images, decoded in `workers` processes or, for 0, in this one.

    On a CPU a batch has at most CPU_BATCH images: the activations of more fall out of its cache, which costs
    a third of the speed.
    """
    batch = batch if on_gpu(networks) else min(batch, CPU_BATCH)
    slots = 2 * len(networks) + 2  # one batch in each network, one that waits for it, two being decoded
    ring = Ring.allocate(slots, batch, decoder.preprocessing.size)
    decoding = DecoderPool(decoder, ring, workers) if workers else InProcessDecoder(decoder, ring)
    with closing(decoding), networks[0].pin_memory(ring.pixels()):
        yield EmbeddingPipeline(networks, decoding, ring, captions)
