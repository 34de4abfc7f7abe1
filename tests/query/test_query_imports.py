"""What importing costs: no framework, no engine."""

import subprocess
import sys

LIGHT = """
import sys
import {module}
heavy = {{"torch", "diffusers", "transformers", "onnxruntime", "duckdb", "matplotlib", "sklearn"}}
print(*sorted(heavy & {{name.partition(".")[0] for name in sys.modules}}))
"""


def test_importing_query_loads_no_heavy_library():
    for module in (
        "attribase.query",
        "attribase.query.evaluation.comparison",
        "attribase.query.evaluation.calibration",
    ):
        done = subprocess.run(
            [sys.executable, "-c", LIGHT.format(module=module)], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == ""


def test_a_query_loads_no_torch(small):
    code = (
        "import sys, attribase.query as q; from attribase.store import Store; s = Store.open(sys.argv[1]);"
        "list(q.evaluate(s)); q.attribute(s, 'm0-s0'); q.run_sql(s.uri, 'from metrics');"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, small.store.uri], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
