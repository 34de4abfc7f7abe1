"""A clock that jumps, backwards too, between any two looks at it, changes no row and no answer."""

import pytest

from .rows import differences, problems, rows_of
from .stages import SMALL_SHARDS, STAGES

pytestmark = pytest.mark.slow
QUESTIONS = (
    "from metrics order by all",
    "select run_id, count(*) from ranks group by all order by all",
    "select collection, count(*) from members group by all order by all",
)


@pytest.mark.parametrize("seed", range(3))
def test_a_clock_that_jumps_changes_no_row_and_no_answer(method, launcher, seed, tmp_path):
    folder = method.start(STAGES[5], tmp_path / "jumping")  # samples are there
    for stage in STAGES[5:]:
        argv = method.argv(stage)
        ended = launcher.run(argv, folder, patches=SMALL_SHARDS, clock=seed)
        assert ended.status == 0, ended.output
        wanted = rows_of(str(method.after(stage) / "store"))
        assert differences(rows_of(str(folder / "store")), wanted) == []
        assert problems(str(folder / "store")) == problems(str(method.after(stage) / "store"))
        if stage.name.startswith("query eval"):
            for question in QUESTIONS:
                argv = ["-s", "store", "query", "sql", "--format", "csv", question]
                found, wanted = launcher.run(argv, folder), launcher.run(argv, method.after(stage))
                assert (found.status, found.output) == (0, wanted.output)
