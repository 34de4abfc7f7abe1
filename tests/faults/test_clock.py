"""A clock that jumps, backwards too, between any two looks at it, changes no row and no answer."""

import pytest

from .conftest import LONG
from .rows import differences, problems, rows_of
from .stages import SMALL_SHARDS, STAGES, stage

pytestmark = pytest.mark.slow
QUESTIONS = (
    "from metrics order by all",
    "select run_id, count(*) from ranks group by all order by all",
    "select collection, count(*) from members group by all order by all",
)


@pytest.mark.parametrize("seed", range(4 if LONG else 1))
def test_a_clock_that_jumps_changes_no_row_and_no_answer(method, launcher, seed, tmp_path):
    folder = method.start(stage("embed"), tmp_path / "jumping")  # samples are there
    for one in STAGES[STAGES.index(stage("embed")) :]:
        argv = method.argv(one)
        ended = launcher.run(argv, folder, patches=SMALL_SHARDS, clock=seed)
        assert ended.status == 0, ended.output
        wanted = rows_of(str(method.after(one) / "store"))
        assert differences(rows_of(str(folder / "store")), wanted) == []
        assert problems(str(folder / "store")) == problems(str(method.after(one) / "store"))
        if one.name.startswith("query eval"):
            for question in QUESTIONS:
                argv = ["-s", "store", "query", "sql", "--format", "csv", question]
                found, wanted = launcher.run(argv, folder), launcher.run(argv, method.after(one))
                assert (found.status, found.output) == (0, wanted.output)
