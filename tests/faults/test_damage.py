"""Any file of a store cut, changed or lost: every reading command gives right rows or one line of error."""

import random
import re
import shutil
from pathlib import Path

import pytest

from .conftest import LONG
from .stages import STAGES

pytestmark = pytest.mark.slow
CASES = 60 if LONG else 4
SQL = ("query", "sql", "--format", "csv")
READING = (
    (*SQL, "select image_id, caption, creator, octet_length(bytes) from images order by 1"),
    (*SQL, "from members order by all"),
    (*SQL, "select item_id, base from vectors_onnx_tiny order by 1"),
    (*SQL, "select run_id, sample_id, image_id, rank from ranks order by all"),
    ("query", "attribute", "PICTURE", "--encoder", "onnx:tiny", "--format", "json", "-k", "3"),
    ("info", "--format", "json"),
    ("tags", "--format", "json"),
)


def harm(file: Path, how: str, rng: random.Random) -> None:
    data = bytearray(file.read_bytes())
    if how == "lose":
        file.unlink()
        return
    if how == "cut":
        del data[rng.randrange(len(data)) :]
    elif how == "flip":
        for _ in range(rng.choice((1, 8, 64))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    else:
        at = rng.randrange(len(data))
        data[at : at + 256] = bytes(len(data[at : at + 256]))
    file.write_bytes(data)


@pytest.fixture(scope="module")
def answers(method):
    folder, picture = method.after(STAGES[-1]), next((method.sources / "more" / "1").glob("*.png"))
    argvs = [["-s", "store", *(str(picture) if w == "PICTURE" else w for w in words)] for words in READING]
    return [(argv, method.launcher.run(argv, folder)) for argv in argvs]


def same(output, whole):
    """Whether two outputs differ in nothing but when the store was asked, and at which moment."""
    dates = re.compile(r'"(?:date|at|tables_version)": "[^"]*"|store \S+ at \S+,')
    return dates.sub("", output) == dates.sub("", whole)


@pytest.mark.parametrize("seed", range(CASES))
def test_a_damaged_store_gives_right_rows_or_one_line_of_error(method, answers, seed, tmp_path):
    rng = random.Random(seed)
    folder = shutil.copytree(method.after(STAGES[-1]), tmp_path / "damaged")
    tables = sorted(path for path in (folder / "store").glob("*.lance"))
    table = rng.choice(tables)
    file = rng.choice(sorted(path for path in table.rglob("*") if path.is_file() and path.stat().st_size))
    how = rng.choice(("lose", "cut", "flip", "zero"))
    harm(file, how, rng)
    wrong = []
    for argv, whole in answers:
        ended = method.launcher.run(argv, folder)
        if not ended.explained:
            wrong.append((argv, ended.output[-2000:]))
        elif ended.status == 0 and argv[2] not in ("info", "tags") and not same(ended.output, whole.output):
            wrong.append((argv, "another answer", ended.output[:500]))
    checked = method.launcher.run(["-s", "store", "check", "--format", "json"], folder)
    print(f"{how} {file.relative_to(folder)}: check {checked.status}")
    assert wrong == [], (how, file.relative_to(folder))
    assert "Traceback" not in checked.output, checked.output[-2000:]
    assert checked.status in (0, 1)
    if checked.status:
        assert table.stem in checked.output, checked.output[-2000:]
