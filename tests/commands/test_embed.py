"""`attribase ingest embed`: what its options reach, and what it says."""

import pytest
from attribase.cli import cli
from click.testing import CliRunner
from PIL import Image

from ..ingest.embed.conftest import Gallery


@pytest.fixture
def gallery(tmp_path) -> Gallery:
    return Gallery(tmp_path / "store")


@pytest.fixture
def run(gallery):
    def invoke(*options):
        command = ["-s", gallery.store.uri, "ingest", "embed", "--encoder", gallery.name, *map(str, options)]
        return CliRunner().invoke(cli, command)

    return invoke


def test_it_embeds_what_is_left_and_then_says_that_nothing_is(gallery, run):
    ids = gallery.images([gallery.png(seed) for seed in range(3)])
    result = run()
    assert result.exit_code == 0, result.output
    assert "vectors are ready" in result.stderr
    assert "images/s" in result.stderr
    assert gallery.embedded() == sorted(ids)
    assert "nothing to do" in run().stderr


def test_failures_are_counted_by_reason_and_first_frames_apart(gallery, run):
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    gallery.images([gallery.encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])])
    gallery.images([gallery.png(0)[:-60], gallery.png(1)[:-60], gallery.png(2, 40, 30)])
    result = run("--pixel-limit", 1000)
    assert result.exit_code == 0
    assert "left out, truncated: 2" in result.stderr
    assert "left out, too-many-pixels: 1" in result.stderr
    assert "embedded by their first frame, animated: 1" in result.stderr
    assert "too-many-pixels" not in run("--retry-failed").stderr
    assert len(gallery.embedded()) == 2


def test_a_condition_is_passed_on_and_a_bad_one_is_an_error_with_a_hint(gallery, run):
    wanted = gallery.images([gallery.png(0)], creator="Hokusai")
    gallery.images([gallery.png(1)])
    assert run("--where", "creator = 'Hokusai'", "--batch", 1, "--workers", 0).exit_code == 0
    assert gallery.embedded() == wanted
    result = run("--where", "colour = 'red'")
    assert result.exit_code == 1
    assert "next:  images have image_id" in result.stderr


@pytest.mark.parametrize(
    "options", [("--resize", "big"), ("--mean", "1"), ("--precision", "int4"), ("--workers", -1)]
)
def test_wrong_options_are_wrong_usage(run, options):
    assert run(*options).exit_code == 2


def test_a_gpu_of_this_machine_beside_a_cluster_is_an_error_with_a_hint(run):
    result = run("--device", 0, "--ray", "auto")
    assert result.exit_code == 1
    assert "a device of this machine and a cluster were named" in result.stderr
    assert "next:  leave one of them out" in result.stderr
