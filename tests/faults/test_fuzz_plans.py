"""A plan of any content is a list of models that is read again as it was written, or one error."""

import json
from dataclasses import asdict

from attribase.ingest.specs import ModelSpec, SampleSpec, read_specs, write_specs
from attribase.store import InvalidInputError
from hypothesis import given
from hypothesis import strategies as st

from .conftest import cases
from .json_values import changed, values

VALID = json.loads(
    json.dumps(
        asdict(
            ModelSpec(
                concept_kind="object",
                concept="tom",
                category="cat",
                case_name="object_seen",
                split="train",
                exemplar_ids=("a", "b"),
                training_prompts=("V* cat",),
                samples=(SampleSpec("gpt", "a V* cat", 1), SampleSpec("media", "A tattoo of V* cat", 2)),
            )
        )
    )
)

lines = st.one_of(
    changed(VALID).map(json.dumps),
    changed(VALID).map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    values.map(json.dumps),
    st.text(max_size=30),
    st.binary(max_size=30),
    st.integers(100, 200_000).map(lambda depth: "[" * depth),
    st.integers(100, 200_000).map(lambda depth: '{"samples":' * depth),
    st.integers(4300, 9000).map(lambda digits: '{"seed": ' + "9" * digits + "}"),
)


def _read(path):
    try:
        return read_specs(path), None
    except InvalidInputError as error:
        return [], error


def check_plan(path) -> None:
    specs, error = _read(path)
    if error:
        assert error.hint
        assert str(path) in str(error)
        return
    again = path.with_name("again.jsonl")
    write_specs(again, specs)
    assert read_specs(again) == specs
    assert all(spec.spec_id for spec in specs)


@cases(short=300, long=5_000)
@given(plan=st.lists(lines, min_size=1, max_size=3))
def test_a_plan_is_read_whole_or_refused_with_its_line(tmp_path_factory, plan):
    path = tmp_path_factory.getbasetemp() / "plan.jsonl"
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else line.encode(errors="replace") for line in plan)
    )
    check_plan(path)
