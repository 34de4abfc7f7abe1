"""`query attribute`: what it does not load, because that would take longer than the answer."""

import subprocess
import sys


def test_a_picture_is_answered_without_engines_that_only_other_commands_need(small, tmp_path, picture):
    code = """
import sys
import numpy as np
import attribase.runtime as runtime
from attribase.cli import cli

class Flat:
    captions = False
    def encode(self, images):
        return np.stack([np.asarray(image, np.float32).ravel()[:16] + 1 for image in images])

runtime.load_encoder = lambda *_, **__: Flat()
try:
    cli(sys.argv[1:], standalone_mode=False)
except SystemExit:
    pass
heavy = set("duckdb polars torch lancedb numba sklearn scipy matplotlib jinja2 fastapi onnx".split())
print("loaded", sorted(heavy & {name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
    small.calibrate(0.2, 0.0)
    (tmp_path / "one.png").write_bytes(picture((10, 200, 30)))
    command = [
        sys.executable,
        "-c",
        code,
        "-s",
        small.store.uri,
        "query",
        "attribute",
        str(tmp_path / "one.png"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "image_id" in done.stdout
    assert done.stderr.splitlines()[-1] == "loaded []"
