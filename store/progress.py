"""What a long job yields: the one thing that whoever draws progress needs to know."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """`done` of `total` items of `stage` are committed. `note` is for people ("3 failed")."""

    stage: str
    done: int
    total: int
    note: str = ""
