"""Worker processes: errors that name the task, and nothing that outlives its parent."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from attribase.ingest.workers import available_devices, run_tasks
from attribase.runtime.tasks import WorkerTask
from attribase.store import AttribaseError, InvalidInputError, Store
from attribase.store.errors import MissingExtraError

HELPER = """
import os, signal, threading
from attribase.store import InvalidInputError

def setup(shared, device):
    def handle(payload):
        if payload == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if payload == "bad":
            raise InvalidInputError("cannot be", hint="do else")
        if payload == "bug":
            raise KeyError("oops")
        if payload == "sleep":
            threading.Event().wait()
        return shared + str(payload), os.getpid()
    return handle

def broken(shared, device):
    raise RuntimeError("no such model")
"""


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """A module that spawned processes can import, too."""
    (tmp_path / "workers_helper.py").write_text(HELPER)
    monkeypatch.syspath_prepend(str(tmp_path))
    import workers_helper

    yield workers_helper
    sys.modules.pop("workers_helper", None)


def tasks(*payloads):
    return (WorkerTask(str(i), f"model {payload}", payload) for i, payload in enumerate(payloads))


@pytest.mark.slow
def test_results_come_from_other_processes_and_errors_name_the_task(helper):
    results = list(run_tasks(helper.setup, "x", tasks(1, 2, 3), count=3, workers=2))
    assert sorted(result for _, (result, _) in results) == ["x1", "x2", "x3"]
    assert {task.payload: result for task, (result, _) in results} == {1: "x1", 2: "x2", 3: "x3"}
    assert os.getpid() not in {process for _, (_, process) in results}
    assert multiprocessing.active_children() == []

    with pytest.raises(
        AttribaseError, match=r"worker process for model die died \(killed by signal 9\)"
    ) as error:
        list(run_tasks(helper.setup, "x", tasks("die"), count=1, workers=1))
    assert "run it again" in error.value.hint
    with pytest.raises(InvalidInputError, match="model bad: cannot be") as refused:
        list(run_tasks(helper.setup, "x", tasks("bad"), count=1, workers=1))
    assert refused.value.hint == "do else"
    with pytest.raises(AttribaseError, match="model 1: RuntimeError: no such model"):
        list(run_tasks(helper.broken, "x", tasks(1), count=1, workers=1))
    assert multiprocessing.active_children() == []


def test_errors_in_this_process_name_the_task_too(helper):
    with pytest.raises(AttribaseError, match="model bug: KeyError: 'oops'"):
        list(run_tasks(helper.setup, "x", tasks("bug"), count=1, workers=0))


def test_a_library_that_is_missing_is_named_with_its_extra():
    def setup(*_):
        def handle(_):
            raise ModuleNotFoundError("No module named 'peft'", name="peft")

        return handle

    with pytest.raises(MissingExtraError, match="tom: this needs peft, which is not installed") as error:
        list(run_tasks(setup, None, iter([WorkerTask("tom", "tom", None)]), count=1, workers=0))
    assert error.value.hint == 'pip install "attribase[full]"'


def test_cpu_workers_are_as_many_as_the_cores_of_the_containers_share(monkeypatch, tmp_path):
    import torch
    from attribase.runtime import devices

    (tmp_path / "cpu.max").write_text("100000 100000")
    monkeypatch.setattr(devices, "_CGROUPS", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert available_devices() == ["cpu"]


@pytest.mark.parametrize(
    ("gpus", "network", "wanted"),
    [
        (1, 9_000_000, ["cuda:0"] * 8),
        (2, 9_000_000, ["cuda:0", "cuda:1"] * 4),
        (2, 1_700_000_000, ["cuda:0", "cuda:1"]),
        (16, 9_000_000, [f"cuda:{i}" for i in range(16)]),
    ],
)
def test_workers_share_gpus_only_for_a_small_network(monkeypatch, gpus, network, wanted):
    fake_gpus(monkeypatch, [80 * 2**30] * gpus)
    assert available_devices(network) == wanted
    assert available_devices() == wanted[:gpus]


def test_no_more_workers_share_a_gpu_than_its_memory_holds(monkeypatch):
    fake_gpus(monkeypatch, [6 * 2**30, 2**30])
    assert available_devices(9_000_000) == ["cuda:0", "cuda:1", "cuda:0", "cuda:0"]


def fake_gpus(monkeypatch, memories):
    """A machine of 8 cores with these bytes of memory on its GPUs."""
    import torch
    from attribase.ingest import workers

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(memories))
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda index: SimpleNamespace(total_memory=memories[index])
    )
    monkeypatch.setattr(workers, "core_count", lambda: 8)


@pytest.mark.slow
def test_giving_up_halfway_ends_the_workers(helper):
    steps = run_tasks(helper.setup, "x", tasks(1, "sleep", "sleep"), count=3, workers=2)
    next(steps)
    assert len(multiprocessing.active_children()) == 2
    steps.close()
    assert multiprocessing.active_children() == []


SLEEPERS = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with it ignored
sys.path.insert(0, sys.argv[1])
import workers_helper
from attribase.ingest.workers import run_tasks
from attribase.runtime.tasks import WorkerTask

if __name__ == "__main__":
    tasks = (WorkerTask(str(i), "t", payload) for i, payload in enumerate([1, 1, "sleep", "sleep"]))
    for task, (_, process) in run_tasks(workers_helper.setup, "", tasks, count=4, workers=2):
        print(process, flush=True)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("helper")
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks processes up in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_a_parent_that_is_stopped(tmp_path, how):
    (tmp_path / "sleepers.py").write_text(SLEEPERS)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "sleepers.py"), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    workers = {int(parent.stdout.readline()) for _ in range(2)}
    parent.send_signal(how)
    _, errors = parent.communicate()  # until the workers have closed stderr, too: they have ended
    assert parent.returncode != 0
    while any(_alive(worker) for worker in workers):
        time.sleep(0.01)
    assert errors.count("Traceback") == (1 if how == signal.SIGINT else 0)


def _alive(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False


CUSTOMIZE = """
import json, sys, threading
from attribase.ingest.customize import METHODS, customize
from attribase.ingest.specs import read_specs
from attribase.store import Store

if __name__ == "__main__":
    config = METHODS[sys.argv[4]].config(**json.loads(sys.argv[3]))
    for step in customize(Store.open(sys.argv[1]), read_specs(sys.argv[2]), config, workers=1):
        print(step.done, flush=True)
        if step.done == 1:  # the worker trains the second, which is never committed
            threading.Event().wait()
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["custom-diffusion", "dreambooth-lora"])
def test_a_killed_customization_goes_on_with_what_is_missing(store, make_spec, config, tmp_path, method):
    from attribase.ingest.customize import METHODS, customize
    from attribase.ingest.specs import write_specs

    if method == "dreambooth-lora":
        given = {"lr": 0.1, "batch_size": 2, "resolution": 8, "prior_images": 5, "prior_steps": 2}
        config = METHODS[method].config(config.base, **given)
    specs = [make_spec(concept=f"cat {i}", seed=i, method=method) for i in range(3)]
    write_specs(tmp_path / "plan.jsonl", specs)
    (tmp_path / "run.py").write_text(CUSTOMIZE)
    slow = config.with_changes(iterations=40)
    command = [
        sys.executable,
        str(tmp_path / "run.py"),
        store.uri,
        str(tmp_path / "plan.jsonl"),
        json.dumps(slow.to_dict()),
        method,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert [process.stdout.readline().strip() for _ in range(2)] == ["0", "1"]
    process.kill()
    process.communicate()
    before = _seconds(store)
    assert 1 <= len(before) < 3

    steps = [step.done for step in customize(Store.open(store.uri), specs, slow, workers=0)]
    assert steps[0] >= 1
    assert steps[-1] == 3
    after = _seconds(store)
    assert len(after) == 3
    assert before.items() <= after.items()
    assert store.jobs.unfinished() == []
    unharmed = Store.create(tmp_path / "unharmed")
    unharmed.upsert("images", store.read("images", ["image_id", "bytes"]))
    list(customize(unharmed, specs, slow, workers=0))
    assert _weights(store) == _weights(unharmed)


def _weights(store):
    return {
        row["model_id"]: row["weights"] for row in store.read("models", ["model_id", "weights"]).to_pylist()
    }


def _seconds(store):
    return {
        row["concept"]: row["seconds"] for row in store.read("models", ["concept", "seconds"]).to_pylist()
    }
