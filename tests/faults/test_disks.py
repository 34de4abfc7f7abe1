"""A disk that is full or read-only costs one line of error, and no row."""

import random
import shutil
from pathlib import Path

import pytest

from .conftest import LONG
from .disks import BLOCK, Disk, why_not
from .rows import differences, problems, rows_of, wrong_rows
from .stages import SMALL_SHARDS, STAGES, Method, Stage
from .test_kills import EXPECTED, state

LEVELS = 4 if LONG else 1
FEW = STAGES if LONG else [stage for stage in STAGES if not stage.slow][::4]
READING = (
    "info",
    "tags",
    "check",
    'query sql "select count(*) from images"',
    "query attribute {picture} --encoder onnx:tiny",
    "encoders",
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mounted(tmp_path_factory):
    if why_not():
        pytest.skip(why_not())
    disk = Disk(tmp_path_factory.mktemp("disk") / "disk")
    yield disk
    disk.close()


@pytest.fixture
def disk(mounted):
    mounted.clear()
    return mounted


def check_harmed(method: Method, stage: Stage, folder: Path, tmp_path: Path) -> None:
    """What is in the store of a command that could not write is right."""
    before, whole = state(method.start(stage, tmp_path / "before")), state(method.after(stage))
    if (folder / "store" / "store.json").exists():
        assert wrong_rows(rows_of(str(folder / "store")), before[0], whole[0]) == []
        found = problems(str(folder / "store")) - before[1] - whole[1]
        assert {check for check, _ in found} <= EXPECTED


def check_done(method: Method, stage: Stage, folder: Path, ended) -> None:
    """The same command, now that it can write, leaves what an unharmed one does."""
    assert ended.status == 0 or (stage.again and stage.again in ended.error), ended.output
    assert differences(rows_of(str(folder / "store")), state(method.after(stage))[0]) == []
    for file in method.after(stage).glob("*.jsonl"):
        assert (folder / file.name).read_bytes() == file.read_bytes()


def used(folder: Path) -> int:
    """Bytes of the files below a folder, in blocks."""
    sizes = (path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return sum(-(-size // BLOCK) * BLOCK for size in sizes)


@pytest.mark.parametrize("level", range(LEVELS))
@pytest.mark.parametrize("stage", FEW, ids=lambda stage: stage.name)
def test_a_full_disk_is_one_line_of_error_and_loses_nothing(method, disk, stage, level, tmp_path):
    rng = random.Random(f"{stage.name} {level}")
    name = f"{STAGES.index(stage)}-{level}"
    folder, inside = method.start(stage, disk.path / name), disk.inside / name
    growth = max(BLOCK, used(method.after(stage)) - used(folder))
    filler = disk.fill(free=int(rng.uniform(0, growth)))
    options = {"patches": SMALL_SHARDS, "logs": tmp_path}
    ended = disk.launcher.run(method.argv(stage), inside, **options)
    print(f"{stage.name}: {ended.status} {ended.error}")
    assert ended.explained, ended.output
    check_harmed(method, stage, folder, tmp_path)
    filler.unlink()
    check_done(method, stage, folder, disk.launcher.run(method.argv(stage), inside, **options))


@pytest.mark.parametrize("level", range(LEVELS))
@pytest.mark.parametrize("stage", FEW[:: 1 if LONG else 2], ids=lambda stage: stage.name)
def test_files_that_cannot_grow_are_one_line_of_error_and_lose_nothing(
    method, launcher, stage, level, tmp_path
):
    rng = random.Random(f"{stage.name} {level}")
    folder = method.start(stage, tmp_path / "limited")
    options = {"patches": SMALL_SHARDS, "logs": tmp_path}
    limit = int(2 ** rng.uniform(9, 15))
    ended = launcher.run(method.argv(stage), folder, file_bytes=limit, **options)
    print(f"{stage.name}, files of {limit} bytes: {ended.status} {ended.error}")
    assert ended.explained, ended.output
    check_harmed(method, stage, folder, tmp_path)
    check_done(method, stage, folder, launcher.run(method.argv(stage), folder, **options))


def test_a_read_only_disk_can_be_read_and_each_writing_command_is_one_line_of_error(method, disk, tmp_path):
    last = method.after(STAGES[-1])
    folder, inside = shutil.copytree(last, disk.path / "read-only"), disk.inside / "read-only"
    picture = next((method.sources / "more" / "1").glob("*.png"))
    disk.remount("ro")
    try:
        for command in READING:
            words = [word.strip('"') for word in command.format(picture=picture).split(" ")]
            if '"' in command:
                words = [*command.split()[:2], command.split('"')[1]]
            ended = disk.launcher.run(["-s", "store", *words], inside, logs=tmp_path)
            assert ended.status == 0, ended.output
        for stage in STAGES:
            argv = method.argv(stage)
            ended = disk.launcher.run(argv, inside, patches=SMALL_SHARDS, logs=tmp_path)
            print(f"{stage.name}: {ended.status} {ended.error}")
            assert ended.explained, ended.output
        ended = disk.launcher.run(["-s", "store", "tag", "other"], inside, logs=tmp_path)
        assert ended.status == 1
        assert ended.explained
        assert rows_of(str(folder / "store")) == state(last)[0]
    finally:
        disk.remount("rw")
