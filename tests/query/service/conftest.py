"""One store with pictures behind the service, in process (`client`) and as a process of its own (`live`)."""

import asyncio
import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from attribase.query.service import ServiceOptions, create_app
from attribase.query.service.answering import RequestHandler
from attribase.query.workers import WorkerRequest
from attribase.query.workers.request import RequestQueue
from attribase.store import Store
from attribase.store.errors import AttribaseError
from fastapi.testclient import TestClient
from PIL import Image

HOME = "http://127.0.0.1:8765"
TOKEN = "a-token-of-tests"
LIMITS = {"body_bytes": 1 << 20, "pixels": 1_000_000, "images": 2000, "queries": 20}
MEMORY = 2 << 30


def png(colour=(200, 30, 30), size=(40, 30)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def picture(seed, size=(8, 8)):
    """Noise: as a feature (see `Pixels`) it has a direction of its own."""
    rows = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(rows).save(out, "PNG")
    return out.getvalue()


def run(main):
    """What a coroutine, or a function that makes one, returns. In a thread: a browser's loop may run here."""

    async def await_it():
        return await (main() if callable(main) else main)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, await_it()).result()


async def until(condition):
    """Wait for a condition. Steps, not seconds: a loaded machine makes each one longer."""
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the condition never held")


class Pixels:
    """Stands for an encoder: the first 16 bytes of the pixels."""

    captions = False

    def encode(self, images):
        return np.stack([np.asarray(image, np.float32).ravel()[:16] for image in images])


class SameProcess:
    """Stands for a pool of workers: its handler answers in a thread of this process, which tests patch."""

    def __init__(self, uri, options, packs=None):
        self.uri, self.options, self.packs = uri, options, packs
        self.queue, self.processes, self.closed = RequestQueue(9, {}), [], False
        self.starts = 0
        self.on_result = lambda _: None

    def open(self):
        self.handler = RequestHandler(self.uri, self.options, self.packs)
        self.thread = ThreadPoolExecutor(1)
        self.on_result(self.handler.describe())
        return [SimpleNamespace(base=0)]

    def run(self, _):
        self.thread.submit(self.handler.limit, MEMORY).result()

    def submit(self, request: WorkerRequest):
        self.thread.submit(self._answer, request)

    def _answer(self, request):
        out, fields = Written(request.answer), request.fields | {"seconds": request.seconds}
        try:
            result = self.handler.answer(fields, b"".join(request.body), out)
            self.on_result(result)
            request.ended.set_result(result)
        except AttribaseError as error:
            request.fail(error)

    def close(self):
        self.closed = True
        self.thread.shutdown()


class Written:
    """Stands for a worker's output."""

    def __init__(self, answer):
        self.answer = answer

    def begin(self, **head):
        self.answer.begin(head)

    def write(self, data):
        self.answer.write(data)


def app_in_process(uri, options, packs=None):
    """The service with workers that are no processes."""
    return create_app(uri, options, SameProcess(uri, options, packs))


@dataclass(frozen=True)
class World:
    """The store that is served: raw vectors by item id, as in the table."""

    uri: str
    vectors: dict[str, np.ndarray]
    tau: float = 0.2
    lam: float = 0.3

    @property
    def store(self):
        return Store.open(self.uri)

    def pool(self):
        """Ids of the pool `all`: the gallery and every exemplar."""
        exemplars = {e for row in self.store.read("models").to_pylist() for e in row["exemplar_ids"]}
        return sorted({i for i in self.vectors if i.startswith("g")} | exemplars)

    def by_hand(self, vector, ids=None):
        """(id, similarity, influence) of a raw feature over a pool, best first, in a few lines."""
        ids = self.pool() if ids is None else ids
        rows = np.stack([self.vectors[i] for i in ids]).astype(np.float64)
        query = np.asarray(vector, np.float64)
        scores = rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)
        weights = np.maximum(np.exp((scores - scores.max()) / self.tau) - self.lam, 0)
        shares = weights / weights.sum()
        order = np.lexsort((ids, -scores))
        return [(ids[at], scores[at], shares[at]) for at in order]


@pytest.fixture(scope="session")
def world(made_once, tmp_path_factory):
    """A calibrated copy of the small store with pictures of every kind."""
    folder = tmp_path_factory.mktemp("served") / "pictures.store"
    store = Store.open(shutil.copytree(made_once.store.uri, folder))
    store.upsert(
        "calibrations",
        [{"calibration_id": "c", "encoder": "enc", "mapper": "none", "tau": World.tau, "lambda": World.lam}],
    )
    large = png(size=(2000, 1000))
    rows = [
        {"image_id": "whole", "uri": "file:whole.png", "creator": "Ada", "bytes": png()},
        {"image_id": "referenced", "uri": "https://elsewhere.example/cat.jpg", "bytes": None},
        {"image_id": "script", "uri": "file:a.svg", "bytes": b"<svg onload='alert(1)'/>"},
        {"image_id": "torn", "uri": "file:torn.png", "bytes": png(size=(300, 300))[:200]},
        {"image_id": "vast", "uri": "file:vast.png", "bytes": large},
    ]
    store.upsert("images", rows)
    stored = {row["image_id"]: row for row in store.read("images").to_pylist()}
    artists = {f"g{n:03d}": f'{{"artist": "Ann {n % 2}", "year": null}}' for n in range(150)}
    named = [stored[name] | {"bytes": b"?", "metadata": text} for name, text in artists.items()]
    store.upsert("images", named, update=True)
    store.upsert(
        "samples", [{"sample_id": "drawn", "model_id": "m0", "bytes": png(), "prompt": "A Cat's hat"}]
    )
    return World(str(folder), made_once.vectors)


@pytest.fixture(scope="session")
def app(world):
    return app_in_process(world.uri, ServiceOptions(sql=False, **LIMITS))


@pytest.fixture(scope="session")
def client(app):
    with TestClient(app, base_url=HOME, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def encoding(monkeypatch):
    """Pictures can be encoded."""
    monkeypatch.setattr("attribase.runtime.load_encoder", lambda *_, **__: Pixels())


SERVE = """
import sys
from attribase.query.service import ServiceOptions
from attribase.query.service.server import serve
limits = dict(stop_seconds=5.0, refresh=0.5)
if sys.argv[3] == "impatient":
    limits |= dict(head_seconds=1.0, body_seconds=1.5, send_seconds=1.5)
options = ServiceOptions(token=sys.argv[2] or None, sql=False, workers=2, **limits)
serve(sys.argv[1], options, "127.0.0.1", 0, ready=lambda url: print(url, flush=True))
"""


@dataclass(frozen=True)
class Live:
    """A running service."""

    url: str
    process: subprocess.Popen
    headers: dict[str, str]

    @property
    def port(self):
        return int(self.url.rpartition(":")[2])

    def memory(self):
        """Resident bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def ready(self):
        return httpx.get(f"{self.url}/readyz", timeout=30).status_code == 200

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)


def start(uri, token=TOKEN, patience="patient"):
    """A service as a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, uri, token, patience],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    live = Live(process.stdout.readline().strip(), process, {"x-api-key": token} if token else {})
    while process.poll() is None:  # workers start as long as they need to
        with contextlib.suppress(httpx.TransportError):
            if live.ready():
                return live
        time.sleep(0.05)
    raise AssertionError("the service did not start")


@pytest.fixture(scope="session")
def live(world):
    live = start(world.uri)
    yield live
    live.stop()


@pytest.fixture(scope="session")
def impatient(world):
    """As `live`, but it waits no longer than tests want to."""
    live = start(world.uri, patience="impatient")
    yield live
    live.stop()
