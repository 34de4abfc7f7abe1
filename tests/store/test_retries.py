"""A commit that loses races is repeated a bounded number of times."""

import pytest
from attribase.store import retries as commits_module
from attribase.store.errors import ConflictError
from attribase.store.retries import ATTEMPTS, with_retries


class Races:
    """A commit that loses `losses` times, then wins."""

    def __init__(self, losses: int, error: Exception) -> None:
        self.losses, self.error, self.tries = losses, error, 0

    def __call__(self) -> str:
        self.tries += 1
        if self.tries <= self.losses:
            raise self.error
        return "won"


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(commits_module.time, "sleep", taken.append)
    return taken


def test_a_lost_race_is_run_again_after_growing_pauses(pauses):
    race = Races(5, OSError("Retryable commit conflict for version 3: ... Please retry."))
    assert with_retries("writing", race) == "won"
    assert len(pauses) == 5
    assert pauses[4] > pauses[0]


def test_losing_every_race_is_a_conflict_that_says_what_to_do(pauses):
    race = Races(1000, OSError("Commit conflict for version 3"))
    with pytest.raises(ConflictError, match="writing") as caught:
        with_retries("writing", race)
    assert race.tries == ATTEMPTS
    assert caught.value.hint
    assert sum(pauses) < 60


def test_other_errors_are_not_run_again(pauses):
    race = Races(1, OSError("No space left on device"))
    with pytest.raises(OSError, match="No space left"):
        with_retries("writing", race)
    assert (race.tries, pauses) == (1, [])
