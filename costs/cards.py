"""Reference cards: what their vendors state, and what an hour is assumed to cost."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files

from ..store import InvalidInputError


@dataclass(frozen=True)
class Card:
    """A GPU.

    Attributes:
        key: what `--gpu` calls it.
        name: its full name.
        half_tflops: dense half-precision tensor throughput, 10^12 operations a second.
        memory_gb: its memory.
        dollars_an_hour: of a machine with one such card, with its cores.
    """

    key: str
    name: str
    half_tflops: float
    memory_gb: float
    dollars_an_hour: float


def list_cards() -> list[Card]:
    """Every card there is, by key."""
    rows = tomllib.loads(files(__package__).joinpath("data/cards.toml").read_text())
    return [Card(key, **row) for key, row in sorted(rows.items())]


def find_card(key: str) -> Card:
    """The card that `--gpu` names. Raises InvalidInputError."""
    cards = {card.key: card for card in list_cards()}
    if key.lower() not in cards:
        raise InvalidInputError(f"there is no card {key!r}", hint=f"use one of {', '.join(cards)}")
    return cards[key.lower()]
