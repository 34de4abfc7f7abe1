"""What a consistency check finds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

EXAMPLES = 5


@dataclass(frozen=True)
class Problem:
    """`count` rows of `table` that are wrong; `examples` are up to five of their ids."""

    check: str
    table: str
    count: int
    examples: tuple[str, ...]
    message: str
    hint: str


def problem(name: str, table: str, items: Sequence[str], message: str, hint: str) -> Iterator[Problem]:
    """One problem, unless there are no `items`."""
    if items:
        yield Problem(name, table, len(items), tuple(items[:EXAMPLES]), message, hint)
