"""docs/service.md: its commands start a service, its examples ask it and agree, its tables are right."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from attribase.query import attribute
from attribase.query.service import ServiceOptions
from attribase.store import Store, errors
from PIL import Image

from ..query.service.web.world import fill, picture

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
START = """
import sys, numpy
class Pixels:
    def encode(self, images):
        return numpy.stack([numpy.asarray(image, numpy.float32).ravel()[:16] for image in images])
import attribase.runtime
attribase.runtime.load_encoder = lambda *_, **__: Pixels()
if __name__ == "__main__":  # workers run what is above too
    from attribase.cli import main
    main()
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("curl") and shutil.which("openssl")), reason="needs curl and openssl"
    ),
]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, port):
    """Where my.store and picture.png are, and the service that the page's first commands start."""
    folder = tmp_path_factory.mktemp("served")
    fill(str(folder / "my.store"), "clip-vit-b32")
    (folder / "picture.png").write_bytes(picture(5)[0])
    makes_token, starts = blocks("sh")[0].splitlines()
    subprocess.run(["bash", "-c", makes_token], cwd=folder, check=True)
    program, *words = shlex.split(starts.replace("8765", str(port)))
    assert program == "attribase"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    (folder / "start.py").write_text(START)
    service = subprocess.Popen([sys.executable, "start.py", *words], cwd=folder, env=environment)
    ready = False
    while not ready:
        assert service.poll() is None
        with contextlib.suppress(httpx.TransportError):
            ready = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=60).status_code == 200
        time.sleep(0.05)
    yield folder
    service.terminate()
    assert service.wait(30) == 0


@pytest.fixture(scope="module")
def said(folder, port):
    """What the page's shell examples print: JSON values, in order."""
    script = "\n".join(blocks("bash")).replace("8765", str(port))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text, found = done.stdout.strip(), []
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        found.append(value)
        text = text[end:].strip()
    return found


@pytest.fixture(scope="module")
def ran(folder, port):
    """The names that the page's Python examples leave, run one after the other, and what they print."""
    names, out = {}, io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.chdir(folder)
        patch.setenv("TOKEN", (folder / "token.txt").read_text().strip())
        for block in blocks("python"):
            exec(compile(block.replace("8765", str(port)), "docs/service.md", "exec"), names)
        yield names, out.getvalue()
        names["con"].close()
        names["service"].close()


def test_the_engineers_tutorial_runs_against_the_service(folder, port):
    page = (Path(__file__).parents[2] / "docs" / "tutorials" / "engineer.md").read_text(encoding="utf-8")
    script = "\n".join(re.findall(r"```bash\n(.*?)```", page, re.DOTALL)).replace("8765", str(port))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text, found = done.stdout.strip(), []
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        found.append(value)
        text = text[end:].strip()
    _, _, info, one, two, error = found
    assert info["name"] == "my.store"
    assert one["results"][0]["image_id"] == "g05"
    assert len(one["results"]) == 3
    assert [answer["results"][0]["image_id"] for answer in two["answers"]] == ["g05", "g05"]
    assert error["error"]["message"]


def rows_of(folder, sample, **how):
    answer = attribute(Store.open(str(folder / "my.store")), sample, **how).to_dict()
    return [(row["image_id"], row["influence"]) for row in answer["results"]]


def test_curl_asks_with_a_picture_with_a_sample_and_in_sql(folder, said):
    of_picture, of_bytes, of_sample, listed, exemplars, values, samples, of_sql, health, ready = said
    assert (listed["total"], exemplars["total"], samples["total"]) == (0, 0, 4)  # every licence is CC0
    assert values["values"] == [{"value": "Ada", "count": 7}]
    assert of_picture["results"][0]["image_id"] == "g05"  # the same picture
    assert len(of_picture["results"]) == 5
    assert of_bytes["results"] == of_picture["results"]
    assert sum(share["influence"] for share in of_picture["shares"]) == pytest.approx(1)
    ours = rows_of(folder, of_sample["query"], k=5, where="license <> 'MIT'")
    assert [(row["image_id"], row["influence"]) for row in of_sample["results"]] == ours
    assert (of_sql["columns"], of_sql["rows"]) == (["license", "images"], [["CC0", 28]])
    assert (health["status"], ready["status"]) == ("ok", "ready")


def test_curl_saves_pictures_and_metrics(folder, said):
    assert said
    for name in ("sample.png", "thumbnail"):
        with Image.open(folder / name) as image:
            assert image.size == (12, 12)
    assert "attribase_" in (folder / "metrics.txt").read_text()


def test_polars_reads_the_answer(folder, ran):
    names, _ = ran
    frame = names["frame"]
    ours = rows_of(folder, names["sample"], k=20)
    assert frame.select("image_id", "influence").rows() == ours
    assert frame["exact"].all()


def test_lancedb_finds_the_same_images(folder, ran):
    names, out = ran
    ours = rows_of(folder, names["sample"], k=5, where="license <> 'MIT'")
    assert [row["item_id"] for row in names["rows"]] == [image for image, _ in ours]
    assert [row["influence"] for row in names["rows"]] == pytest.approx([share for _, share in ours])
    assert f"{ours[0][1]:.1%}" in out


def test_duckdb_gets_the_same_answer(folder, ran):
    names, out = ran
    table = names["answer"]
    ours = rows_of(folder, names["sample"], k=20)
    assert table["image_id"].to_pylist() == [image for image, _ in ours]
    assert table["influence"].to_pylist() == pytest.approx([share for _, share in ours])
    assert "so_far" in out
    assert "O'Hara & Sons" in out  # of influence_by


def test_the_page_names_every_field_of_an_answer(said):
    documented = set(re.findall(r"`(\w+)`", PAGE))
    assert set(said[0]) | set(said[0]["results"][0]) <= documented


def test_the_limits_are_those_of_the_service():
    limits = ServiceOptions()
    for text in (
        f"{limits.body_bytes >> 20} MB | one request",
        f"{limits.pixels // 1_000_000} million pixels",
        f"{limits.images:,} images, {limits.queries:,} questions",
        f"{limits.rows:,} rows | one SQL",
        f"{limits.head_seconds:.0f} s, {limits.body_seconds:.0f} s | until",
        f"{limits.send_seconds:.0f} s | a client",
        f"{limits.waiting} requests",
        f"{limits.seconds:.0f} s | a worker",
        f"{limits.wait_seconds:.0f} s | a request waits",
        f"stopped at {limits.sql_seconds:.0f} seconds",
        f"`--refresh` seconds ({limits.refresh:.0f})",
    ):
        assert text in PAGE


def test_every_status_of_an_error_is_explained():
    statuses = {
        one.status
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.AttribaseError)
    }
    lines = re.findall(r"^\| ((?:\d{3}(?:, )?)+) \|", PAGE, re.MULTILINE)
    documented = {int(number) for line in lines for number in line.split(", ")}
    assert documented == statuses | {405}


def test_the_pictures_of_the_page_are_there_and_small():
    for name in re.findall(r"!\[[^]]*\]\(([^)]*)\)", PAGE):
        path = Path(__file__).parents[2] / "docs" / name
        assert 10_000 < path.stat().st_size < 300_000
