"""The networks that embed, one a GPU or CPU lane, and the sizes of batches and shards that suit them."""

from __future__ import annotations

from collections.abc import Sequence

from ...runtime import OnnxEncoder, load_encoder
from ...runtime.devices import core_count, gpu_count, network_threads
from ...store import Store

CPU_BATCH, GPU_BATCH = 8, 64
CPU_SHARD, GPU_SHARD = 1024, 1 << 14
FEW_IMAGES = 512  # processes and compiled code would take longer to start than they save
LARGE_SIDE = 400  # pixels


def load_networks(
    store: Store, encoder: str, devices: Sequence[int] | None, lanes: int | None = None
) -> list[OnnxEncoder]:
    """Load the encoder once for everything that runs a batch by itself: a GPU of `devices`, or a CPU lane.

    On a CPU a batch a thread is faster than all threads on one batch, which wait for each other at every
    layer. They share one copy of the weights. Encoders of large images take too much memory for that.
    `lanes`: on how many cores; left out, on all of them.

    Raises:
        NotFoundError: the encoder is not exported. DataError: its file was changed.
    """
    numbers = list(dict.fromkeys(devices)) if devices is not None else list(range(gpu_count()))
    if any(number >= 0 for number in numbers):
        return [load_encoder(store, encoder, gpu=number) for number in numbers]
    network = load_encoder(store, encoder, threads=1, gpu=-1)
    if network.preprocessing.size > LARGE_SIDE:
        return [load_encoder(store, encoder, threads=lanes, gpu=-1)]
    return [network] * (lanes or network_threads())


def default_batch(images: int, networks: Sequence[OnnxEncoder]) -> int:
    """Images at once: what keeps a device busy, but no more than spreads `images` over all of them."""
    most = GPU_BATCH if on_gpu(networks) else CPU_BATCH
    if networks[0].preprocessing.size > LARGE_SIDE:
        most = max(1, most // 8)
    return max(1, min(most, -(-images // len(networks))))


def default_workers(images: int, *, gpu: bool) -> int:
    """Decoding processes for so many images; 0 decodes in the threads of the networks.

    On a CPU the cores are busy with the network anyway, and that costs least; but beyond some the threads
    would wait for the interpreter's lock. A GPU waits for nothing but images.
    """
    count = core_count()
    if images <= FEW_IMAGES or (count <= 16 and not gpu):
        return 0
    return max(1, count - 1 if gpu else count // 4)


def default_shard(networks: Sequence[OnnxEncoder]) -> int:
    """Items a commit: what takes some seconds."""
    return GPU_SHARD if on_gpu(networks) else max(CPU_SHARD, 512 * network_threads())


def on_gpu(networks: Sequence[OnnxEncoder]) -> bool:
    """Whether they run on GPUs."""
    return networks[0].device != "cpu"
