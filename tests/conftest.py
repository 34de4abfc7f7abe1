"""One thread a process, and what every test leaves behind it as it found it."""

import os
import sys

import pytest

# torch and the BLAS of numpy read it when they are loaded, in the processes that tests start too: threads of
# networks this small wait for each other, busily, longer than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _numbers_as_usual():
    """Training loops flush subnormal numbers for speed, process-wide; other tests draw such numbers."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
