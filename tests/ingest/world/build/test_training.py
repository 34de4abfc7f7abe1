import pytest
from attribase.ingest.world.build.training import Budget, learning_rate
from attribase.store.errors import InvalidInputError


def test_the_rate_warms_up_stays_and_falls_to_a_small_rest():
    rates = [learning_rate(1.0, 1000, share, warmup=10, plateau=0.4) for share in (0.0, 0.4, 0.7, 1.0, 1.5)]
    assert rates[:2] == [1.0, 1.0]
    assert rates[2] == pytest.approx(0.03 + 0.97 * 0.5)
    assert rates[3] == rates[4] == pytest.approx(0.03)
    assert learning_rate(1.0, 4, 0.0, warmup=10, plateau=0.4) == pytest.approx(0.5)


def test_the_share_of_a_budget_is_of_its_minutes_or_else_of_its_steps():
    assert Budget(minutes=2).used(step=7, seconds=30.0) == 0.25
    assert Budget(minutes=2).progress(step=7, seconds=30.4) == (30, 120)
    assert Budget(minutes=2, steps=28).used(step=7, seconds=30.0) == 0.25
    assert Budget(minutes=2, steps=28).progress(step=7, seconds=30.4) == (7, 28)


@pytest.mark.parametrize("wrong", [{"minutes": 0}, {"minutes": float("nan")}, {"minutes": 1, "steps": 0}])
def test_a_budget_of_nothing_is_refused(wrong):
    with pytest.raises(InvalidInputError) as error:
        Budget(**wrong)
    assert error.value.hint
