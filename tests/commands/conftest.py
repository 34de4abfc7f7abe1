"""The small synthetic stores and the small release of other folders, for the commands that read them."""

import io

import pytest
from attribase.cli import cli
from click.testing import CliRunner
from PIL import Image

from ..ingest.release.conftest import copy, official  # noqa: F401
from ..query.conftest import fake, judged_once, made_once, small  # noqa: F401
from ..query.search.conftest import large, large_once  # noqa: F401


@pytest.fixture(scope="session")
def picture():
    """A PNG of one colour, by the colour and its side."""

    def make(colour, side=40):
        out = io.BytesIO()
        Image.new("RGB", (side, side), colour).save(out, "PNG")
        return out.getvalue()

    return make


@pytest.fixture
def run(small):  # noqa: F811 - the fixture of that name
    """`query attribute` with these arguments, on a calibrated store."""
    small.calibrate(0.2, 0.0)

    def invoke(*arguments):
        return CliRunner().invoke(cli, ["-s", small.store.uri, "query", "attribute", *arguments])

    return invoke
