"""The launcher of commands; the whole method, and other ways to models, run once for all tests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from .commands import Launcher
from .model_stages import MODEL_STAGES, write_model_sources
from .stages import Method

LONG = os.environ.get("ATTRIBASE_FUZZ") == "long"
"""Whether this is `make fuzz`: the same tests, many more cases."""


def cases(short: int, long: int) -> settings:
    """How many cases hypothesis tries: always the same in the short form."""
    return settings(
        max_examples=long if LONG else short,
        derandomize=not LONG,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    yield launcher
    launcher.close()


@pytest.fixture(scope="session")
def method(launcher, tmp_path_factory) -> Method:
    method = Method(launcher, tmp_path_factory.mktemp("method"))
    method.run()
    return method


@pytest.fixture(scope="session")
def models_method(launcher, tmp_path_factory) -> Method:
    folder = tmp_path_factory.mktemp("models")
    method = Method(launcher, folder, MODEL_STAGES, write_model_sources)
    method.run()
    return method
