"""Eight commands that write one store at once lose nothing and write nothing twice."""

import pytest
from attribase.store import Store

from .rows import differences, problems, rows_of
from .stages import EMBED, SMALL_SHARDS, STAGES, Stage

pytestmark = pytest.mark.slow
TOGETHER = (
    Stage("gallery", "ingest images @gallery --collection gallery"),
    Stage("more", "ingest images @more --collection gallery"),
    Stage("more elsewhere", "ingest images @more --collection elsewhere"),
    Stage("exemplars", "ingest images @exemplars.parquet --collection exemplars"),
    Stage("embed", EMBED),
    Stage("embed beside it", EMBED),
    Stage("tag", "tag during"),
    Stage("compact", "compact"),
)
AFTERWARDS = (TOGETHER[0], TOGETHER[1], TOGETHER[2], TOGETHER[3], TOGETHER[4])
SORTED = ("images", "members", "failures", "vectors_onnx_tiny", "samples", "models", "encoders", "mappers")


def write_all(method, folder, together):
    """Run the commands, all at once or one after the other, then those that may have come too early again."""
    patches = [patch for patch in SMALL_SHARDS if patch[1] != "compact"]  # keep what others are reading
    if together:
        running = [method.launcher.start(method.argv(stage), folder, patches=patches) for stage in TOGETHER]
        for command in running:
            ended = command.wait()
            assert ended.explained, ended.output
            assert ended.status == 0 or "other writers" in ended.output or "another process" in ended.output
    for stage in AFTERWARDS:
        ended = method.launcher.run(method.argv(stage), folder, patches=patches)
        assert ended.status == 0, ended.output


def test_eight_writers_at_once_leave_the_rows_of_one_after_the_other(method, tmp_path):
    start = STAGES[next(n for n, stage in enumerate(STAGES) if stage.name == "train mapper") + 1]
    together, apart = method.start(start, tmp_path / "together"), method.start(start, tmp_path / "apart")
    write_all(method, together, together=True)
    write_all(method, apart, together=False)
    found, wanted = rows_of(str(together / "store")), rows_of(str(apart / "store"))
    for table in SORTED:
        assert differences({table: found[table]}, {table: wanted[table]}) == []
    assert problems(str(together / "store")) == problems(str(apart / "store"))
    store = Store.open(together / "store")
    assert store.jobs.unfinished() == []
    print(f"eight writers: {sum(map(len, found.values()))} rows, all as one after the other")
