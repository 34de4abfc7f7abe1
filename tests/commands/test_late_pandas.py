"""Commands run without pandas where it is installed, and pyarrow knows it once something imports it."""

import importlib.util
import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="pandas is not installed")

CONVERT = """
import json, sys
if sys.argv[1] == "late":
    from attribase.commands.late_pandas import leave_pandas_out
    leave_pandas_out()
import lance, pyarrow as pa, pyarrow.dataset
before = "pandas" in sys.modules
numbers = pa.array([1, None])
import numpy as np, pandas as pd
columns = [
    pd.Series([1.5, np.nan]),
    pd.Series(["a", None]),
    pd.Series(pd.to_datetime(["2020-01-01", None])),
    pd.Series([1, 2], dtype="category"),
]
frame = pd.DataFrame({str(n): column for n, column in enumerate(columns)})
table = pa.Table.from_pandas(frame)
found = [[str(pa.array(one).type), pa.array(one).null_count] for one in columns]
found += [[str(one.type), one.null_count] for one in table.columns]
print(json.dumps([before, found, table.to_pandas().equals(frame), numbers.to_pandas().isna().tolist()]))
"""


INFO = """
import contextlib, sys
from attribase.cli import main
with contextlib.suppress(SystemExit):
    main()
print([name in sys.modules for name in ("lance", "pandas")])
"""


def run(*arguments):
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def test_pyarrow_converts_pandas_as_ever_once_it_is_imported():
    late, plain = (json.loads(run("-c", CONVERT, how)) for how in ("late", "plain"))
    assert late[1:] == plain[1:]
    assert (late[0], late[2]) == (False, True)


def test_a_command_that_reads_a_store_does_not_load_pandas(tmp_path):
    uri = str(tmp_path / "a.store")
    run("-m", "attribase", "-s", uri, "init")
    assert run("-c", INFO, "-s", uri, "info").splitlines()[-1] == "[True, False]"
