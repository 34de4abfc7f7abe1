"""Runs commands of the command line, each in a process of its own that starts at once: python launcher.py.

It has imported what commands import, and forks. A JSON line on stdin is one command:

    {"argv": [...], "cwd": PATH, "log": PATH, "patches": [...] (see patches.py), "clock": SEED or null,
     "file_bytes": NUMBER or null}

It prints `started PID`, and `ended PID STATUS` when that process ended (as subprocess: -9 is killed).

Worker processes of a command come from a fork server that never opened a store, which Lance's threads do not
survive; they get the command's patches, clock, limit and log as the command itself does.
"""

import importlib
import json
import multiprocessing
import os
import random
import resource
import select
import sys
import time
import traceback
import warnings
from datetime import UTC, datetime, timedelta
from multiprocessing import forkserver

from patches import apply  # beside this script

IMPORTS = (
    "attribase.cli",
    "attribase.ingest.customize.generator",
    "attribase.ingest.customize.train",
    "attribase.ingest.embed",
    "attribase.ingest.encoders.export",
    "attribase.ingest.encoders.user_onnx",
    "attribase.ingest.images",
    "attribase.ingest.release",
    "attribase.ingest.sample",
    "attribase.query.attribution.attribute",
    "attribase.query.evaluation.calibration",
    "attribase.query.evaluation.kernels",
    "attribase.query.search.index_build",
    "attribase.query.sql.runner",
    "attribase.train",
    "diffusers.models.autoencoders.autoencoder_kl",
    "diffusers.models.unets.unet_2d_condition",
    "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion",
    "duckdb",
    "lance",
    "onnx",
    "onnxruntime",
    "peft",
    "polars",
    "torch",
    "transformers.models.clip.modeling_clip",
)
JUMP_DAYS = 400


def main() -> None:
    warnings.filterwarnings("ignore", "lance is not fork-safe")  # no store is open here
    forkserver.set_forkserver_preload(list(IMPORTS))
    forkserver.ensure_running()
    for name in IMPORTS:
        importlib.import_module(name)
    say("ready")
    children: set[int] = set()
    waiting = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.005 if children else None)
        if readable:
            read = os.read(0, 1 << 16)
            if not read:
                return
            *lines, waiting = (waiting + read).split(b"\n")
            for line in lines:
                children.add(start(json.loads(line)))
        for child in list(children):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                children.discard(child)
                say(f"ended {child} {os.waitstatus_to_exitcode(status)}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def start(request: dict) -> int:
    """Fork; the child leads a process group, so that it can be killed with its workers."""
    child = os.fork()
    if child:
        say(f"started {child}")
        return child
    os.setsid()
    redirect(request["log"], os.O_TRUNC)
    os.chdir(request["cwd"])
    status = 70
    try:
        run(request)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # threads of libraries that were there before the fork cannot be joined
    raise AssertionError("unreachable")


def redirect(path: str, how: int) -> None:
    """Let this process read nothing and write to the file."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | how)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, log, log)):
        os.dup2(file, number)


def run(request: dict) -> None:
    from attribase.cli import cli
    from attribase.runtime import processes

    forkserver._forkserver.ensure_running = lambda: None  # it runs, and is no child of this process
    served = multiprocessing.get_context("forkserver")
    processes.get_context = lambda _: served  # a spawned worker would import for seconds
    sys.argv = [sys.argv[0], json.dumps(request)]  # what `__mp_main__` below reads
    adapt(request)
    cli.main(request["argv"], prog_name="attribase")


def adapt(request: dict) -> None:
    """Apply patches, limit and clock to this process."""
    apply(request["patches"])
    if request["file_bytes"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"], resource.RLIM_INFINITY))
    if request["clock"] is not None:
        jump(random.Random(request["clock"]))


def jump(rng: random.Random) -> None:
    """Let every look at the clock return a moment up to JUMP_DAYS before or after the true one."""
    from attribase.store import columns

    real = time.time

    def jumping() -> float:
        return real() + rng.uniform(-JUMP_DAYS, JUMP_DAYS) * 86400

    class Jumping(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=rng.uniform(-JUMP_DAYS, JUMP_DAYS))

    time.time = jumping
    columns.datetime = Jumping
    assert abs(columns.utc_now() - datetime.now(UTC).replace(tzinfo=None)) > timedelta(seconds=1)


if __name__ == "__mp_main__":  # a worker process
    _request = json.loads(sys.argv[1])
    redirect(_request["log"], os.O_APPEND)
    adapt(_request)

if __name__ == "__main__":
    main()
