"""Text in plots."""

import pytest
from attribase.query.report.svg import two_lines


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("clip", "clip"),
        ("efficientnet-lite0", "efficientnet-\nlite0"),
        ("x" * 60, "x" * 17 + "\n" + "x" * 19 + "…"),
    ],
)
def test_long_names_take_two_lines(name, lines):
    assert two_lines(name, 17) == lines
