"""A command killed at any moment loses nothing; run again it leaves what an unharmed one does."""

import random
import shutil
import time
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from .commands import POLL, Files
from .conftest import LONG
from .model_stages import MODEL_STAGES
from .rows import differences, problems, rows_of, wrong_rows
from .stages import SMALL_SHARDS, STAGES, Method, Stage

KILLS = 8 if LONG else 1
SLOW_KILLS = 5 if LONG else 1
PAUSE = 0.02  # seconds at most between the event and the kill
FEW = 2  # files: too few to choose a moment by
EXPECTED = {
    *("unfinished-job", "missing-vector", "unmapped-vector", "rank-without-run"),
    *("unfinished-removal", "unfinished-erasure"),
}
"""What `check` says of a command that was stopped: there is work left."""

SAMPLED = ("images of a table", "update", "embed", "query eval again", "index", "remove")
"""The commands that the short form kills, one kind of write each."""

KILLED = [*(stage for stage in STAGES if LONG or stage.name in SAMPLED), *MODEL_STAGES]

kills: Counter[str] = Counter()


@cache
def state(folder: Path):
    """The rows of a store, and what `check` says of it."""
    store = folder / "store"
    return (rows_of(str(store)), problems(str(store))) if store.exists() else ({}, set())


def kill_somewhere(method: Method, stage: Stage, folder: Path, seed: int) -> bool:
    """Start the command of a stage and kill it: once some of its files appeared, or after some time.

    Returns whether it was still running.
    """
    rng, events = random.Random(f"{stage.name} {seed}"), method.events[stage.name]
    files, began = Files(folder), time.monotonic()
    if events > FEW and seed % 3 < 2:
        event, until, pause = rng.randrange(events), float("inf"), rng.uniform(0, PAUSE)
    else:
        event, until, pause = events + 1, began + rng.uniform(0, method.seconds[stage.name]), 0.0
    command = method.launcher.start(method.argv(stage), folder, patches=SMALL_SHARDS)
    ended = command.wait(lambda: files.new() >= event or time.monotonic() >= until, POLL)
    time.sleep(pause)
    command.kill()
    ended = ended or command.wait()
    assert "Traceback" not in ended.output
    return ended.status == -9


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(max(KILLS, SLOW_KILLS)))
@pytest.mark.parametrize("stage", KILLED, ids=lambda stage: stage.name)
def test_a_killed_command_loses_nothing_and_run_again_leaves_the_same_rows(request, stage, seed, tmp_path):
    method = request.getfixturevalue("models_method" if stage in MODEL_STAGES else "method")
    if seed >= (SLOW_KILLS if stage.slow else KILLS):
        pytest.skip("slow commands are killed less often")
    folder = method.start(stage, tmp_path / "killed")
    before, whole = state(method.start(stage, tmp_path / "before")), state(method.after(stage))

    killed = kill_somewhere(method, stage, folder, seed)
    kills[stage.name] += killed
    if (folder / "store" / "store.json").exists():
        assert wrong_rows(rows_of(str(folder / "store")), before[0], whole[0]) == []
        found = problems(str(folder / "store")) - before[1] - whole[1]
        assert {check for check, _ in found} <= EXPECTED

    again = method.launcher.run(method.argv(stage), folder, patches=SMALL_SHARDS)
    if "run it again with --exclusive" in again.output:  # the killed command left an unfinished write
        again = method.launcher.run([*method.argv(stage), "--exclusive"], folder, patches=SMALL_SHARDS)
    assert again.status == 0 or (stage.again and stage.again in again.error), again.output
    assert differences(rows_of(str(folder / "store")), whole[0]) == []
    assert problems(str(folder / "store")) == whole[1]
    for file in method.after(stage).glob("*.jsonl"):
        assert (folder / file.name).read_bytes() == file.read_bytes()
    print(
        f"{stage.name}: {'killed' if killed else 'ended before the kill'}; {sum(kills.values())} kills in all"
    )
    shutil.rmtree(tmp_path)
