"""Pictures from elsewhere become samples, whatever says how they were made."""

import io
import json
import shutil
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.generated import ingest_samples
from attribase.ingest.images import ingest_images, open_source
from attribase.store import InvalidInputError, NotFoundError, Store, content_id
from attribase.store.checks import check

from .pictures import GRAPH, PARAMETERS, png, with_comment, write_part


@pytest.fixture
def store(tmp_path):
    return Store.create(tmp_path / "a.store")


def ingest(store, source, **options):
    steps = ingest_samples(store, open_source(str(source)), **options)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def rows_of(store):
    rows = store.read("samples").to_pylist()
    return {row["uri"].rpartition("/")[2].rpartition("#")[2]: row for row in rows}


def settings(row):
    return tuple(row[name] for name in ("prompt", "seed", "steps", "guidance", "scheduler", "generator"))


A1111 = (
    "a red house, (oil painting:1.2)\nby the sea",
    4294967295,
    20,
    7.5,
    "Euler a",
    "v1-5-pruned",
)
COMFY = ("a blue boat", 156680208700286, 25, 6.5, "dpmpp_2m karras", "sd_xl_base_1.0.safetensors")


def test_what_files_say_of_themselves_is_read(store, tmp_path):
    folder = tmp_path / "outputs"
    folder.mkdir()
    (folder / "web.png").write_bytes(png(1, parameters=PARAMETERS))
    (folder / "comfy.png").write_bytes(png(2, prompt=GRAPH))
    (folder / "exif.jpg").write_bytes(with_comment(3))
    (folder / "exif.webp").write_bytes(with_comment(4, "WEBP", encoding="utf-16-le"))
    (folder / "silent.png").write_bytes(png(5))
    summary = ingest(store, folder, generator="unnamed")
    rows = rows_of(store)
    assert settings(rows["web.png"]) == settings(rows["exif.jpg"]) == settings(rows["exif.webp"]) == A1111
    assert settings(rows["comfy.png"]) == COMFY
    assert settings(rows["silent.png"]) == (None, None, None, None, None, "unnamed")
    assert {row["model_id"] for row in rows.values()} == {None}
    assert {(row["width"], row["height"]) for row in rows.values()} == {(24, 16)}
    assert json.loads(rows["web.png"]["metadata"])["negative_prompt"] == "blurry, low quality"
    assert (summary.written.new, summary.written.prompted, summary.elsewhere) == (5, 4, 5)
    assert any("without a prompt: 1" in line for line in summary.lines())
    assert [one.check for one in check(store)] == []


@pytest.mark.parametrize("form", ["folder", "above", "zip"])
def test_a_part_of_diffusiondb_is_read(store, tmp_path, form):
    part = write_part(tmp_path / "db")
    if form == "zip":
        with zipfile.ZipFile(tmp_path / "part-000001.zip", "w") as archive:
            for path in part.iterdir():
                archive.write(path, path.name)
    source = {"folder": part, "above": part.parent, "zip": tmp_path / "part-000001.zip"}[form]
    summary = ingest(store, source)
    rows = rows_of(store)
    assert settings(rows["00000001-0000.png"]) == ("prompt 1", 1001, 50, 7.5, "k_lms", None)
    assert (len(rows), summary.failed) == (3, 0)


def test_the_table_of_diffusiondb_finds_the_pictures_of_its_parts(tmp_path):
    part = write_part(tmp_path / "db", 2)
    (part / "part-000001.json").unlink()
    columns = {
        "image_name": ["00000000-0000.png", "00000001-0000.png", "elsewhere.png"],
        "prompt": ["one", "two", "three"],
        "part_id": pa.array([1, 1, 2], pa.uint16()),
        "seed": pa.array([7, 8, 9], pa.uint32()),
        "step": pa.array([30, 30, 30], pa.uint16()),
        "cfg": pa.array([7.0, 8.0, 9.0], pa.float32()),
        "sampler": pa.array([3, 8, 1], pa.uint8()),
    }
    pq.write_table(pa.table(columns), tmp_path / "db" / "metadata.parquet")
    for source in (tmp_path / "db" / "metadata.parquet", tmp_path / "db"):
        fresh = Store.create(tmp_path / f"{source.name}.store")
        assert ingest(fresh, source).failed == 0
        rows = rows_of(fresh)
        assert settings(rows["00000001-0000.png"]) == ("two", 8, 30, 8.0, "k_lms", None)
        assert set(rows) == {"00000000-0000.png", "00000001-0000.png"}
    shutil.rmtree(part)
    with pytest.raises(InvalidInputError, match=r"no part of DiffusionDB lies beside metadata.parquet"):
        open_source(str(tmp_path / "db" / "metadata.parquet"))


def test_columns_of_a_table_count_before_what_the_file_says(store, tmp_path):
    (tmp_path / "a.png").write_bytes(png(1, parameters=PARAMETERS))
    (tmp_path / "t.csv").write_text("file,prompt,seed,cfg_scale,model,note\na.png,mine,x7,3,sdxl,kept\n")
    ingest(store, tmp_path / "t.csv")
    (row,) = store.read("samples").to_pylist()
    assert settings(row) == ("mine", 4294967295, 20, 3.0, "Euler a", "sdxl")
    assert json.loads(row["metadata"]) | {"note": "kept", "seed": "x7"} == json.loads(row["metadata"])


def test_the_same_picture_is_known_and_gets_what_it_lacks(store, tmp_path):
    (tmp_path / "a.png").write_bytes(png(1))
    ingest(store, tmp_path / "a.png")
    again = ingest(store, tmp_path / "a.png")
    assert (again.items, store.count("samples")) == (0, 1)
    (tmp_path / "copies").mkdir()
    for name in ("b.png", "c.png"):
        shutil.copy(tmp_path / "a.png", tmp_path / "copies" / name)
    (tmp_path / "copies" / "c.txt").write_text("a prompt")
    copies = ingest(store, tmp_path / "copies")
    assert (copies.written.new, copies.written.known, copies.merged.filled) == (0, 2, 1)
    (row,) = store.read("samples").to_pylist()
    assert row["prompt"] == "a prompt"
    (tmp_path / "copies" / "c.txt").write_text("another")
    assert ingest(store, tmp_path / "copies").merged.differing == 1
    assert ingest(store, tmp_path / "copies", update=True).merged.replaced == 1
    assert store.read("samples", ["prompt"])["prompt"].to_pylist() == ["another"]


def test_a_picture_may_be_an_image_of_the_gallery_and_a_sample(store, tmp_path):
    (tmp_path / "a.png").write_bytes(png(1))
    list(ingest_images(store, open_source(str(tmp_path / "a.png")), "gallery"))
    ingest(store, tmp_path / "a.png")
    (sample,) = store.read("samples", ["sample_id"])["sample_id"].to_pylist()
    assert store.read("images", ["image_id"])["image_id"].to_pylist() == [content_id(png(1))] != [sample]


def bad_pictures(folder):
    folder.mkdir()
    whole = png(1)
    deep = "[" * 100_000
    nested: object = "x"
    for _ in range(400):
        nested = {"a": nested}
    (folder / "cut.jpg").write_bytes(with_comment(2)[:400])
    (folder / "long.png").write_bytes(
        png(3, parameters="p" * 10_000_000 + "\n" + PARAMETERS.splitlines()[-1])
    )
    (folder / "vast.png").write_bytes(whole[:16] + (60_000).to_bytes(4, "big") * 2 + whole[24:])
    (folder / "garbage.png").write_bytes(png(4, prompt="\x00\x01{{", workflow=deep))
    (folder / "list.png").write_bytes(png(5, prompt="[1, 2]"))
    (folder / "nested.png").write_bytes(png(6))
    (folder / "nested.json").write_text(json.dumps({"seed": 4, "deep": nested}))
    (folder / "whole.png").write_bytes(whole)


def test_bad_pictures_are_left_out_with_a_reason_and_bad_metadata_do_not_spoil_one(store, tmp_path):
    bad_pictures(tmp_path / "bad")
    ingest(store, tmp_path / "bad")
    failures = {row["item"]: row for row in store.read("failures").to_pylist()}
    reasons = {item: row["reason"] for item, row in failures.items()}
    assert set(reasons) == {"cut.jpg", "long.png", "vast.png"}
    assert (reasons["long.png"], reasons["cut.jpg"]) == ("prompt-too-long", "truncated")
    assert all(row["remedy"] and row["stage"] == "samples" for row in failures.values())
    rows = rows_of(store)
    assert set(rows) == {"garbage.png", "list.png", "nested.png", "whole.png"}
    problem = json.loads(rows["garbage.png"]["metadata"])["settings_problem"]
    assert "prompt cannot be read" in problem
    assert "workflow cannot be read" in problem
    assert rows["nested.png"]["seed"] == 4
    assert {rows[name]["prompt"] for name in rows} == {None}


def write_mine(tmp_path, rows, name="mine.jsonl"):
    for row in rows:
        (tmp_path / row["file"]).write_bytes(png(int(row["file"].partition(".")[0])))
    path = tmp_path / name
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def exemplars(store, tmp_path):
    for number, name in enumerate(("x/dog.png", "x/cat.png", "y/cat.png")):
        path = tmp_path / "exemplars" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(900 + number))
    list(ingest_images(store, open_source(str(tmp_path / "exemplars")), "exemplars"))
    found = store.read("images", ["image_id", "uri"]).to_pylist()
    return {row["uri"].partition("exemplars/")[2]: row["image_id"] for row in found}


def test_models_are_made_of_known_exemplars_by_id_uri_and_name(store, tmp_path, exemplars):
    own = {"case": "mine", "split": "test"}
    uri = str(tmp_path / "exemplars" / "y" / "cat.png")
    rows = [
        {"file": "1.png", "prompt": "V* dog", "exemplars": ["dog.png"], "model_name": "dog", **own},
        {"file": "2.png", "prompt": "a V* dog", "exemplars": [exemplars["x/dog.png"]], "model_name": "dog", **own},  # noqa: E501
        {"file": "3.png", "exemplars": ["x/cat.png", uri], "model_name": "cats", "case": "style", "scheme": "gpt"},  # noqa: E501
        {"file": "4.png", "exemplars": "dog.png", "model_name": "dog", "split": "control", "seed": 5},
        {"file": "5.png", "prompt": "of no model"},
    ]  # fmt: skip
    summary = ingest(store, write_mine(tmp_path, rows))
    models = {row["model_id"]: row for row in store.read("models").to_pylist()}
    assert (len(models), summary.models, summary.written.of_models, summary.elsewhere) == (3, 3, 4, 1)
    samples = rows_of(store)
    dog = models[samples["1.png"]["model_id"]]
    assert samples["2.png"]["model_id"] == dog["model_id"]
    assert (dog["method"], dog["case_name"], dog["split"], dog["concept_kind"]) == (
        "external", "mine", "test", "object",
    )  # fmt: skip
    assert dog["exemplar_ids"] == [exemplars["x/dog.png"]]
    cats = models[samples["3.png"]["model_id"]]
    assert set(cats["exemplar_ids"]) == {exemplars["x/cat.png"], exemplars["y/cat.png"]}
    assert (cats["concept_kind"], cats["split"], samples["3.png"]["scheme"]) == ("style", "test", "gpt")
    control = models[samples["4.png"]["model_id"]]
    assert (control["method"], control["split"], samples["4.png"]["seed"]) == ("none", "control", 5)
    assert samples["5.png"]["model_id"] is None
    assert samples["1.png"]["metadata"] is None
    assert [one.check for one in check(store)] == []


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        (
            {"exemplars": ["cat.png"]},
            InvalidInputError,
            r"'cat.png' is the name of 2 stored images: .*x/cat.png",
        ),
        ({"exemplars": ["bird.png"]}, NotFoundError, "no stored image is called 'bird.png'"),
        (
            {"exemplars": ["dog.png"], "split": "dev"},
            InvalidInputError,
            r"#1: split is 'dev', not one of train",
        ),
        (
            {"exemplars": ["x/cat.png"], "model_name": "m"},
            InvalidInputError,
            "the model 'm' .* different exemplars",
        ),
    ],
)
@pytest.mark.usefixtures("exemplars")
def test_wrong_exemplars_are_an_error_that_names_them_before_anything_is_written(
    store, tmp_path, row, error, message
):
    first = {"file": "1.png", "exemplars": ["dog.png"], "model_name": "m"}
    with pytest.raises(error, match=message):
        ingest(store, write_mine(tmp_path, [first, {"file": "2.png", **row}]))
    assert store.count("samples") == store.count("models") == 0


@pytest.mark.usefixtures("exemplars")
def test_a_known_picture_gets_its_model_later(store, tmp_path):
    ingest(store, write_mine(tmp_path, [{"file": "1.png", "prompt": "x"}], "first.jsonl"))
    summary = ingest(store, write_mine(tmp_path, [{"file": "1.png", "exemplars": ["dog.png"]}]))
    (row,) = store.read("samples", ["model_id", "prompt"]).to_pylist()
    assert (row["model_id"] is not None, row["prompt"], summary.merged.filled) == (True, "x", 1)


def test_a_run_that_was_stopped_goes_on(store, tmp_path):
    write_part(tmp_path / "db", 5)
    steps = ingest_samples(store, open_source(str(tmp_path / "db")), shard_size=2)
    next(steps)
    next(steps)
    steps.close()
    assert 0 < store.count("samples") < 5
    summary = ingest(store, tmp_path / "db", shard_size=2)
    assert (store.count("samples"), summary.total) == (5, 5)
    assert summary.items < 5


def test_addresses_without_pictures_are_left_out(store, tmp_path):
    (tmp_path / "t.csv").write_text("url,prompt\nhttps://elsewhere.example/a.png,x\n")
    assert ingest(store, tmp_path / "t.csv").failed == 1
    assert store.read("failures", ["reason"])["reason"].to_pylist() == ["not-downloaded"]


def test_a_collection_of_samples_is_refused_with_the_right_command(store, tmp_path):
    (tmp_path / "a.png").write_bytes(io.BytesIO(png(1)).getvalue())
    with pytest.raises(InvalidInputError, match="are samples") as caught:
        list(ingest_images(store, open_source(str(tmp_path / "a.png")), "samples"))
    assert "attribase ingest samples" in caught.value.hint
