"""Reading, decoding and the network, all at once and in order, over a ring of batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...runtime import OnnxEncoder
from .decode import DecodeFailure, Decoders, Ring, Troubles

Item = TypeVar("Item")
Tokens: TypeAlias = NDArray[np.int64]
Features: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Batch(Generic[Item]):
    """Some items, what is wrong with each (None: nothing), and the features (items, dim).

    The feature of an item with a fatal trouble means nothing.
    """

    items: Sequence[Item]
    troubles: Troubles
    features: Features


@dataclass(frozen=True)
class Pipeline(Generic[Item]):
    """Networks (one a device), the decoders that feed them, and the ring between the two.

    `tokens` makes the captions' token ids of some items, for encoders that look at captions.
    """

    networks: Sequence[OnnxEncoder]
    decoders: Decoders
    ring: Ring
    tokens: Callable[[Sequence[Item]], Tokens | None]

    def run(self, source: Iterator[tuple[Item, bytes]]) -> Generator[Batch[Item], None, None]:
        """Embed (item, encoded image) pairs, a batch at a time, in order.

        While the networks run, the next batches are decoded and the ones after those are read. Nothing but
        the ring and the encoded images of one batch more than it holds is in memory.
        """
        idle: SimpleQueue[OnnxEncoder] = SimpleQueue()
        for network in self.networks:
            idle.put(network)
        free = deque(range(self.ring.slots))
        flight: deque[tuple[int, Future[Batch[Item]]]] = deque()
        reader = ThreadPoolExecutor(1, thread_name_prefix="read")
        runner = ThreadPoolExecutor(len(self.networks), thread_name_prefix="network")
        try:
            ahead = reader.submit(self._read, source)
            while read := ahead.result():
                items, images, tokens = read
                ahead = reader.submit(self._read, source)
                slot = free.popleft()
                decoded = self.decoders.decode(slot, images)
                flight.append((slot, runner.submit(self._embed, idle, slot, items, decoded, tokens)))
                while flight and (not free or flight[0][1].done()):
                    yield self._land(flight, free)
            while flight:
                yield self._land(flight, free)
        finally:
            self.decoders.close()
            runner.shutdown(cancel_futures=True)
            reader.shutdown(cancel_futures=True)

    def _read(
        self, source: Iterator[tuple[Item, bytes]]
    ) -> tuple[list[Item], list[bytes], Tokens | None] | None:
        pairs = list(islice(source, self.ring.batch))
        if not pairs:
            return None
        items = [item for item, _ in pairs]
        return items, [data for _, data in pairs], self.tokens(items)

    def _embed(
        self,
        idle: SimpleQueue[OnnxEncoder],
        slot: int,
        items: list[Item],
        decoded: Callable[[], Troubles],
        tokens: Tokens | None,
    ) -> Batch[Item]:
        troubles = decoded()
        network = idle.get()
        try:
            if all(trouble is not None and trouble.fatal for trouble in troubles):
                return Batch(items, troubles, np.zeros((len(items), network.dim), np.float32))
            features = network.run(self.ring.pixels()[slot, : len(items)], tokens)
        finally:
            idle.put(network)
        for row in np.flatnonzero(~np.isfinite(features).all(axis=1)):
            if (before := troubles[row]) is None or not before.fatal:
                troubles[row] = DecodeFailure("nan", "the encoder returned a value that is not finite")
        return Batch(items, troubles, features)

    def _land(self, flight: deque[tuple[int, Future[Batch[Item]]]], free: deque[int]) -> Batch[Item]:
        slot, future = flight.popleft()
        batch = future.result()
        free.append(slot)
        return batch


def ring_slots(networks: int) -> int:
    """Batches under way: one in each network, one that waits for it, and two that are being decoded."""
    return 2 * networks + 2
