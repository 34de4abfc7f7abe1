"""The service under attack: 64 clients, every route, requests that try to exhaust it among good ones.

    make attack STORE=attribase-demo/store       # 600 seconds on the demo's store

With `make test` it runs for some seconds on a small store. The clients, the process that watches and the
service share the machine. Time is asserted in the long run alone: there it is what is measured.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from attribase.cli import cli
from attribase.store import Store
from click.testing import CliRunner
from PIL import Image

from .attack_load import Good, Outcome, good_requests, run_clients, same_answer, send
from .attack_requests import Attempt, Target, attempts
from .attack_watch import Watcher
from .conftest import TOKEN

SECONDS = float(os.environ.get("ATTRIBASE_ATTACK_SECONDS", "25"))
STORE = os.environ.get("ATTRIBASE_ATTACK_STORE", "")
CLIENTS = 64
ENCODER = "efficientnet-lite0"
MEMORY = 2_000_000_000
"""Resident bytes of all processes of the service together."""
HEALTH_SECONDS = 1.0
MAIN = "from attribase.cli import main; main()"


def attribase(store, *arguments):
    done = CliRunner().invoke(cli, ["-s", str(store), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """The store: the one that is named, or a small one with a real encoder and a sample."""
    if STORE:
        return Store.open(STORE)
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "pictures").mkdir()
    random = np.random.default_rng(0)
    for number in range(60):
        pixels = random.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / f"{number}.png")
    attribase(folder / "a.store", "ingest", "images", str(folder / "pictures"), "--collection", "gallery")
    store = Store.open(str(folder / "a.store"))
    image = store.read("images", ["image_id", "bytes"]).to_pylist()[0]
    model = {
        "model_id": "m",
        "exemplar_ids": [image["image_id"]],
        "concept_kind": "object",
        "concept": "noise",
    }
    store.upsert("models", [model | {"case_name": "object", "split": "test", "method": "none"}])
    store.upsert("samples", [{"sample_id": "s", "model_id": "m", "prompt": "noise", "bytes": image["bytes"]}])
    attribase(store.uri, "ingest", "embed", "--encoder", ENCODER)
    return store


@pytest.fixture(scope="module")
def served(attacked, tmp_path_factory):
    """(process, port) of the service as the command starts it."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text(TOKEN)
    arguments = ["-s", attacked.uri, "query", "serve", "--port", "0", "--token-file", str(token)]
    log = token.with_name("log")  # a pipe that is not read would stop the service once it is full
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-c", MAIN, *arguments], stderr=out)
    while not (first := log.read_text().partition("\n")[0]).startswith("serving at"):
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    port = int(first.rpartition(":")[2])
    yield process, port
    process.terminate()
    process.wait(60)
    if path := os.environ.get("ATTRIBASE_ATTACK_LOG"):
        Path(path).with_suffix(".service.log").write_text(log.read_text())


@pytest.mark.slow
def test_good_requests_keep_their_answers_and_the_port_its_memory_under_attack(attacked, served, capsys):
    process, port = served
    headers = {"x-api-key": TOKEN}
    outcome = Outcome()
    good, attacks = asyncio.run(prepare(attacked, port, headers))
    watcher = Watcher(port, process.pid)
    try:
        running = run_clients(outcome, port, headers, attacks, good, clients=CLIENTS, seconds=SECONDS)
        asyncio.run(running)
    finally:
        watcher.stop(outcome)
    with capsys.disabled():
        print(describe(outcome, attacks))
    assert process.poll() is None
    assert outcome.health_failures == []
    assert outcome.peak_resident <= MEMORY
    assert outcome.server_errors() == {}
    assert outcome.not_json == []
    assert outcome.without_retry == []
    assert not {status for _, status in outcome.good} - {"same", "503"}
    assert any(status == "same" for _, status in outcome.good)
    if STORE:  # in some seconds chance can leave a request unsent, or each of its few tries busy
        assert {name for name, status in outcome.good if status == "same"} == {
            one.attempt.name for one in good
        }
        assert max(outcome.health_seconds) <= HEALTH_SECONDS
    assert asyncio.run(wrong_answers(good, port, headers)) == []


async def wrong_answers(good, port, headers):
    """Requests that do not get their answer once the attack is over; a busy service is asked again."""
    wrong = []
    for one in good:
        for _ in range(100):
            status, _, body = await send(one.attempt, port, headers)
            if status != "503":
                break
            await asyncio.sleep(0.5)
        if status != "200" or not same_answer(body, one.answer):
            wrong.append((one.attempt.name, status, body[:300]))
    return wrong


async def prepare(store, port, headers):
    """Good requests with their answers before the attack, and the attacks."""
    for _ in range(600):
        if (await send(Attempt("ready", "GET", "/readyz", headers={}), port, headers))[0] == "200":
            break
        await asyncio.sleep(0.1)
    sample = sorted(store.read("samples", ["sample_id"])["sample_id"].to_pylist())[0]
    image = sorted(store.read("images", ["image_id"])["image_id"].to_pylist())[0]
    row = store.read("encoders", ["encoder", "dim"]).to_pylist()[0]
    table = next(name for name in store.versions() if name.startswith("vectors_"))
    good = []
    for attempt in good_requests(sample, image, table, row["dim"]):
        status, _, body = await send(attempt, port, headers)
        assert status == "200", (attempt.name, status, body[:300])
        good.append(Good(attempt, body))
    return good, attempts(Target(sample, table, row["dim"]))


def describe(outcome, attacks):
    """The figures, and what happened to each kind of attack."""
    sent, good = sum(outcome.statuses.values()), sum(outcome.good.values())
    seconds = sorted(outcome.health_seconds)
    lines = [
        f"\n{CLIENTS} clients, {SECONDS:.0f} s: {sent} attacks of {len(attacks)} kinds, {good} good requests",
        f"good: {outcome.good_share('same'):.1%} with their answer, {outcome.good_share('503'):.1%} 503",
        f"/healthz: {len(seconds)} times, median {1000 * statistics.median(seconds):.0f} ms, "
        f"longest {1000 * seconds[-1]:.0f} ms, failures {outcome.health_failures[:3]}",
        f"memory: {outcome.peak_resident / 1e6:.0f} MB resident, {outcome.peak_bytes / 1e6:.0f} MB with "
        f"shared pages counted once",
        f"5xx but 503: {outcome.server_errors()}",
    ]
    if path := os.environ.get("ATTRIBASE_ATTACK_LOG"):
        rows = sorted(
            (name, status, count) for (name, status), count in (outcome.statuses + outcome.good).items()
        )
        Path(path).write_text(json.dumps(rows, indent=0))
    return "\n".join(lines)
