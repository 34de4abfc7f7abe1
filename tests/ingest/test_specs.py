import json

import pytest
from attribase.ingest.specs import ModelSpec, SampleSpec, read_specs, write_specs
from attribase.store import InvalidInputError

MODEL = {
    "concept_kind": "style",
    "concept": "noto",
    "category": "art",
    "case_name": "style_seen",
    "split": "test",
    "exemplar_ids": ["a", "b"],
    "training_prompts": ["A picture in the style of V* art"],
    "samples": [{"scheme": "object", "prompt": "A tree in the style of V* art", "seed": 7}],
}


def line(**changes):
    return json.dumps({key: value for key, value in {**MODEL, **changes}.items() if value is not ...})


def test_specs_survive_a_file(tmp_path):
    spec = ModelSpec(
        "object",
        "Mäuschen",
        "mouse",
        "c",
        "val",
        ("x",),
        ("V* mouse",),
        (SampleSpec("gpt", "V* läuft", 2**62),),
        seed=3,
    )
    control = ModelSpec(
        "object", "x", "y", "c", "control", ("x",), (), (SampleSpec("gpt", "a mouse", 0),), method="none"
    )
    write_specs(tmp_path / "plan.jsonl", [spec, control])
    assert read_specs(tmp_path / "plan.jsonl") == [spec, control]


def test_optional_fields_may_be_left_out(tmp_path):
    (tmp_path / "plan.jsonl").write_text("\n" + line() + "\n\n")
    (spec,) = read_specs(tmp_path / "plan.jsonl")
    assert (spec.method, spec.seed, spec.exemplar_ids) == ("custom-diffusion", 0, ("a", "b"))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("{", "Expecting"),
        ("[1]", "samples"),
        (line(concept=...), "lacks concept"),
        (line(colour="red"), "unknown colour"),
        (line(split="dev"), "split"),
        (line(concept_kind="person"), "concept_kind"),
        (line(method="hypernetwork"), "method"),
        (line(exemplar_ids=[]), "exemplar_ids"),
        (line(exemplar_ids=["a", "a"]), "exemplar_ids"),
        (line(exemplar_ids="ab"), "exemplar_ids"),
        (line(training_prompts=["a cat"]), "V*"),
        (line(training_prompts=[]), "training prompt"),
        (line(samples=[{"scheme": "gpt", "prompt": "V*"}]), "lacks seed"),
        (line(samples=[{"scheme": "gpt", "prompt": "V*", "seed": -1}]), "seed"),
        (line(samples=[{"scheme": "gpt", "prompt": "V*", "seed": "1"}]), "seed"),
        (line(method="none"), "V*"),
    ],
)
def test_errors_name_the_file_and_the_line(tmp_path, broken, says):
    path = tmp_path / "plan.jsonl"
    path.write_text(line() + "\n" + broken + "\n")
    with pytest.raises(InvalidInputError) as error:
        read_specs(path)
    assert "plan.jsonl, line 2" in str(error.value)
    assert says in str(error.value)
    assert error.value.hint


def test_a_missing_plan_file_is_an_input_error(tmp_path):
    with pytest.raises(InvalidInputError, match=r"none\.jsonl"):
        read_specs(tmp_path / "none.jsonl")


def test_the_spec_id_ignores_samples_but_nothing_else():
    spec = ModelSpec("object", "x", "y", "c", "val", ("x",), ("V* y",), ())
    with_samples = ModelSpec("object", "x", "y", "c", "val", ("x",), ("V* y",), (SampleSpec("gpt", "V*", 1),))
    reseeded = ModelSpec("object", "x", "y", "c", "val", ("x",), ("V* y",), (), seed=1)
    assert spec.spec_id == with_samples.spec_id != reseeded.spec_id


def test_spec_ids_of_fixed_specs_never_change(fixed_specs):
    """Stored models are found again by these ids."""
    assert {kind: spec.spec_id for kind, spec in fixed_specs.items()} == {
        "object": "4e47146590d3c9d9145bae2de9d5b267b90b4b0e7180df219466e1c46138708c",
        "style": "2110e3b20c32cdb1b135f29b4ee24c7b13250559defb507b09b59d26d54acb69",
        "control": "6466b17eaec6215a2d8025bf5f8e951ae56435d7defaa0fd8ce04bcc174312ae",
    }


def spec_of(concept):
    return ModelSpec("object", concept, "y", "c", "val", ("x",), ("V*",), (SampleSpec("gpt", "V*", 0),))


def test_folders_of_a_plan_are_created_and_what_cannot_be_written_is_an_error(tmp_path):
    write_specs(tmp_path / "no" / "where" / "p.jsonl", [spec_of("cat")])
    assert read_specs(tmp_path / "no" / "where" / "p.jsonl") == [spec_of("cat")]
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="cannot write"):
        write_specs(tmp_path / "file" / "p.jsonl", [spec_of("cat")])


def test_a_line_ends_where_an_editor_ends_it_and_a_mark_is_no_text(tmp_path):
    """A plan may hold U+2028 and U+0085, which `str.splitlines` takes for the end of a line."""
    specs = [spec_of("one\u2028two\x85three"), spec_of("cat")]
    write_specs(tmp_path / "plan.jsonl", specs)
    text = (tmp_path / "plan.jsonl").read_text(encoding="utf-8")
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "plan.jsonl").write_bytes(text.replace("\n", "\r\n").encode(encoding))
        assert read_specs(tmp_path / "plan.jsonl") == specs


def test_a_line_that_is_nested_too_deeply_or_is_no_unicode_is_named(tmp_path):
    path = tmp_path / "plan.jsonl"
    for line in ("[" * 100_000, '{"samples":' * 100_000):
        path.write_text("\n" + line)
        with pytest.raises(InvalidInputError, match="line 2"):
            read_specs(path)
    with pytest.raises(InvalidInputError, match="no Unicode"):
        SampleSpec("gpt", "half a pair \ud800 of V*", 0)
