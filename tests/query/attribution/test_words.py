"""The words that pages explain."""

import re
from pathlib import Path

import pytest
from attribase.query.attribution.evidence import STRENGTHS
from attribase.query.attribution.words import WORDS

DOCUMENTED = Path(__file__).parents[3] / "docs" / "words.md"


@pytest.mark.parametrize("key", WORDS)
def test_every_word_is_one_of_the_documentation(key):
    name = WORDS[key].name.rstrip("s").partition(" (")[0]
    assert re.search(rf"^\|[^|]*{re.escape(name)}", DOCUMENTED.read_text(), re.MULTILINE)


def test_the_strengths_of_evidence_are_those_that_are_computed():
    for least, word in STRENGTHS[:-1]:
        assert re.search(f"{word} from {round(100 * least)}%", WORDS["evidence"].text, re.IGNORECASE)
    assert f"below that {STRENGTHS[-1][1]} evidence" in WORDS["evidence"].text
