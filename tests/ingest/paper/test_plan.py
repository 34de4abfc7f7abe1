"""Folders of the paper's sources become collections and plans."""

from collections import Counter

import pytest
from attribase.cli import cli
from attribase.ingest.paper import PaperPlan, own_prompts, plan_paper
from attribase.ingest.specs import read_specs
from attribase.store import InvalidInputError, content_id
from click.testing import CliRunner


def run(job):
    """The value of a generator."""
    while True:
        try:
            next(job)
        except StopIteration as ended:
            return ended.value


@pytest.fixture
def imagenet(tmp_path, make_picture):
    """Two classes with eleven pictures, one with three; one picture is empty."""
    number = 0
    for name, count in (("n00000001", 11), ("n00000002", 11), ("n00000003", 3)):
        for _ in range(count):
            number += 1
            path = tmp_path / "imagenet" / "val" / name / f"ILSVRC2012_val_{number:08}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(make_picture(number))
    (tmp_path / "categories.csv").write_text("class,category,seen\nn00000001,dog,yes\nn00000002,boat,no\n")
    return tmp_path / "imagenet"


def test_imagenet_becomes_a_collection_and_a_plan(store, imagenet, tmp_path):
    plan = PaperPlan("imagenet", imagenet, own_prompts(), tmp_path / "categories.csv", scale=0.001)
    specs = run(plan_paper(store, plan))
    assert Counter((spec.case_name, spec.split) for spec in specs) == {
        ("observed_imagenet", "train"): 8,
        ("observed_imagenet", "val"): 1,
        ("observed_imagenet", "test"): 1,
        ("unobserved_imagenet", "test"): 10,
    }
    members = store.read("members", ["collection", "image_id"]).to_pylist()
    assert {row["collection"] for row in members} == {"imagenet"}
    assert {row["image_id"] for row in members} == {image for spec in specs for image in spec.exemplar_ids}
    files = {content_id(path.read_bytes()): path.parent.name for path in imagenet.rglob("*.JPEG")}
    assert all(files[spec.exemplar_ids[0]] == spec.concept for spec in specs)
    for spec in specs:
        schemes = Counter(sample.scheme for sample in spec.samples)
        assert schemes == ({"gpt": 40, "media": 40} if spec.split == "test" else {"gpt": 60, "media": 160})
        assert spec.training_prompts == (f"V* {spec.category}",)
        assert len({sample.seed for sample in spec.samples}) == len(spec.samples)
    assert run(plan_paper(store, plan)) == specs


def test_a_picture_that_cannot_be_read_is_in_no_model(store, imagenet, tmp_path):
    for path in (imagenet / "val" / "n00000001").iterdir():
        path.write_bytes(b"")
    plan = PaperPlan("imagenet", imagenet, own_prompts(), tmp_path / "categories.csv", scale=0.001)
    specs = run(plan_paper(store, plan))
    assert {spec.concept for spec in specs} == {"n00000002"}
    assert store.count("failures") == 10


def test_artists_are_painted_of_and_groups_pictured(store, tmp_path, make_picture):
    for i in range(12):
        for source in ("artchive", "bamfg"):
            for j in range(2):
                path = tmp_path / source / f"{source}{i}" / f"{j}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(make_picture(1000 * (source == "bamfg") + 10 * i + j))
    for source, picture, scale in (("artchive", "painting", 0.02), ("bamfg", "picture", 0.0009)):
        specs = run(plan_paper(store, PaperPlan(source, tmp_path / source, own_prompts(), scale=scale)))
        assert {(spec.concept_kind, spec.case_name, len(spec.exemplar_ids)) for spec in specs} == {
            ("style", source, 2)
        }
        for spec in specs:
            assert spec.training_prompts == (f"A {picture} in the style of V* art",)
            objects = [sample.prompt for sample in spec.samples if sample.scheme == "object"]
            assert all(text.startswith(f"A {picture} of ") for text in objects)
            assert len(objects) == (40 if spec.split == "test" else 120)
    assert store.read("images", ["creator"]).to_pylist()[0]["creator"].startswith("artchive")


def test_the_command_plans_a_source_scaled_by_one_flag(store, imagenet, tmp_path):
    line = ["-s", store.uri, "ingest", "plan", "--paper", "imagenet", str(imagenet), "--scale", "0.001"]
    output = str(tmp_path / "plan.jsonl")
    missing = CliRunner().invoke(cli, [*line, output])
    assert missing.exit_code == 1
    assert "nothing says which classes of ImageNet to take" in missing.stderr
    prompts = str(tmp_path / "prompts.csv")
    assert CliRunner().invoke(cli, ["ingest", "prompts", prompts]).exit_code == 0
    line += ["--categories", str(tmp_path / "categories.csv"), "--per-prompt", "1", "--prompts", prompts]
    done = CliRunner().invoke(cli, [*line, output])
    assert done.exit_code == 0, done.stderr
    assert "20 models" in done.stderr
    assert {len(spec.samples) for spec in read_specs(output)} == {20, 55}


def test_options_of_another_source_and_both_kinds_are_wrong_usage(store, imagenet, tmp_path):
    paper = ["--paper", "bamfg", str(imagenet)]
    for options, says in (
        ([*paper, "--categories", str(tmp_path / "categories.csv")], "--categories is not for --paper bamfg"),
        ([*paper, "--kind", "style"], "give --kind or --paper"),
        ([], "give --kind or --paper"),
        (["--kind", "style", "--scale", "0.5"], "--scale is not for --kind style"),
    ):
        result = CliRunner().invoke(
            cli, ["-s", store.uri, "ingest", "plan", *options, str(tmp_path / "plan.jsonl")]
        )
        assert result.exit_code == 2
        assert says in result.stderr


def test_too_few_groups_are_an_error_before_anything_is_ingested(store, imagenet):
    with pytest.raises(InvalidInputError, match="bamfg has 3 groups of pictures here"):
        run(plan_paper(store, PaperPlan("bamfg", imagenet, own_prompts())))
    assert store.count("images") == 0
