"""Where an answer comes from: that it can be asked again, and that its limits are as documented."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attribase
import numpy as np
from attribase.query import Session
from attribase.query.attribution.provenance import LIMITS, MEANING, MEANING_TEXT
from attribase.query.time_travel import versions_at

ROOT = Path(attribase.__file__).parent


def test_the_same_question_at_the_state_that_an_answer_names_has_the_same_answer(small):
    small.calibrate(0.2, 0.0)
    before = small.store.versions()
    answer = attribase.attribute(small.store, "m0-s0", k=5)
    assert versions_at(small.store, answer.provenance.at) == before
    for number in range(3):  # images that are nearer than any other
        small.images([f"late{number}"], "gallery", np.asarray([small.vectors["m0-s0"]]))
    small.calibrate(0.3, 0.0)
    later = attribase.attribute(small.store, "m0-s0", k=5)
    assert later.results[0].image_id.startswith("late")
    again = Session(small.store).snapshot().as_of(answer.provenance.at)
    assert again.pinned.versions == before
    assert again.at == answer.provenance.at
    assert again.version == answer.provenance.tables_version != later.provenance.tables_version


def test_provenance_names_question_state_software_and_pool(small):
    answer = attribase.attribute(small.store, "m0-s0", k=2, where="creator = 'c0'")
    found = answer.provenance
    assert abs(datetime.now(UTC) - datetime.fromisoformat(found.date)) < timedelta(minutes=10)
    assert found.to_dict() | {"date": "", "at": "", "tables_version": ""} == {
        "question": "m0-s0",
        "date": "",
        "store": Path(small.store.uri).name,
        "at": "",
        "tables_version": "",
        "software": f"attribase {attribase.__version__}",
        "encoder": "enc",
        "mapper": "none",
        "pool": "all",
        "pool_size": answer.pool_size,
        "where": answer.where,
        "meaning": MEANING,
    }
    text = "\n".join(found.lines())
    said = [found.date, found.at, found.store, "m0-s0", answer.where, found.tables_version, found.software]
    assert all(part in text for part in [*said, *LIMITS, "enc", MEANING])
    plain = json.loads(json.dumps(answer.to_dict()))
    assert plain["provenance"] == found.to_dict()
    assert plain["limits"] == list(LIMITS)


def test_answers_of_one_request_name_their_own_questions_and_one_state(small):
    answers = attribase.query.attribute_many(small.store, ["m0-s0", "m1-s0"])
    assert [one.provenance.question for one in answers] == ["m0-s0", "m1-s0"]
    assert len({(one.provenance.at, one.provenance.date) for one in answers}) == 1
    assert attribase.attribute(small.store, "m0-s0", details=False).provenance is None


def test_what_a_share_means_is_where_answers_say():
    page, _, heading = MEANING.partition("#")
    text = (ROOT / page).read_text()
    assert heading in {
        line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines() if "#" in line
    }
    assert MEANING_TEXT in " ".join(text.replace("*", "").split())
