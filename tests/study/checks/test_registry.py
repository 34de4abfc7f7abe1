import pytest
from attribase.store import InvalidInputError
from attribase.study.checks.registry import CHECKS, find_check


def test_every_check_is_found_by_its_name_and_has_a_title():
    assert all(find_check(name) is check and check.name == name for name, check in CHECKS.items())
    assert len({check.title for check in CHECKS.values()}) == len(CHECKS)
    assert all(least >= 1 for check in CHECKS.values() for least in check.numbers.values())


def test_an_unknown_check_is_an_error_that_names_the_known_ones():
    with pytest.raises(InvalidInputError, match="no check 'luck'") as error:
        find_check("luck")
    assert "copies" in error.value.hint
