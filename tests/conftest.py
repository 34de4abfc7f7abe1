"""What every test leaves behind it as it found it."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _numbers_as_usual():
    """Training loops flush subnormal numbers for speed, process-wide; other tests draw such numbers."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
