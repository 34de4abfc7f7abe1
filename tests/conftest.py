"""One thread a process, what every test leaves behind it as it found it, and an object store."""

import os
import sys
import uuid
from collections.abc import Iterator

import pytest

from .s3_server import BUCKET, S3Server

# torch and the BLAS of numpy read it when they are loaded, in the processes that tests start too: threads of
# networks this small wait for each other, busily, longer than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _numbers_as_usual():
    """Training loops flush subnormal numbers for speed, process-wide; other tests draw such numbers."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.close()


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The server, undisturbed, for `s3://` in this process and its children."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    s3_server.disturb()
    s3_server.requests()
    yield s3_server
    s3_server.disturb()


@pytest.fixture
def s3_uri(s3: S3Server) -> str:  # noqa: ARG001 - sets the environment
    """Where nothing is yet, in the bucket."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"
