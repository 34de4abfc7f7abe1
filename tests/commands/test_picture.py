"""`attribase picture`: stored pictures as files, by id, the beginning of an id, or uri."""

import hashlib
import io

import pytest
from attribase.cli import cli
from attribase.store import Store
from click.testing import CliRunner
from PIL import Image


def png(colour):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


RED, BLUE = png("red"), png("blue")
RED_ID = hashlib.sha256(RED).hexdigest()


@pytest.fixture
def run(tmp_path):
    store = Store.create(tmp_path / "store")
    rows = [{"image_id": RED_ID, "bytes": RED, "uri": "a/red.png"}, {"image_id": "abcdef1", "bytes": None}]
    store.upsert("images", rows)
    store.upsert("samples", [{"sample_id": "abcdef2", "model_id": "m", "bytes": BLUE}])
    return lambda *args: CliRunner().invoke(cli, ["-s", store.uri, "picture", *map(str, args)])


@pytest.mark.parametrize("name", [RED_ID, RED_ID[:6], "a/red.png"])
def test_a_picture_is_written_as_it_is_stored(run, tmp_path, name):
    file = tmp_path / "out.png"
    assert run(name, "-o", file).exit_code == 0
    assert file.read_bytes() == RED
    assert run(name).stdout_bytes == RED


def test_another_ending_encodes_it_again(run, tmp_path):
    file = tmp_path / "out.JPG"
    assert run("abcdef2", "-o", file).exit_code == 0
    with Image.open(file) as image:
        assert (image.format, image.size) == ("JPEG", (8, 8))
        assert image.convert("RGB").getpixel((4, 4))[2] > 240


def test_what_cannot_be_written_is_one_clear_line(run, tmp_path):
    cases = {
        ("abcdef1", "-o", tmp_path / "a.png"): "has no bytes here",
        ("abcdef", "-o", tmp_path / "a.png"): "names 2 pictures",
        ("none", "-o", tmp_path / "a.png"): "is no image or sample here",
        (RED_ID, "-o", tmp_path / "a.txt"): "has no ending of a picture",
        (RED_ID, "-o", tmp_path / "no" / "a.png"): "cannot write",
    }
    for args, reason in cases.items():
        said = run(*args)
        assert (said.exit_code, said.stdout) == (1, "")
        assert reason in said.stderr.splitlines()[0]
        assert said.stderr.splitlines()[1].startswith("next:  ")
