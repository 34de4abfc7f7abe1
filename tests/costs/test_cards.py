"""Reference cards."""

import pytest
from attribase.costs import find_card, list_cards
from attribase.store import InvalidInputError


def test_a_card_is_found_however_its_name_is_written():
    card = find_card("H100")
    assert (card.key, card.half_tflops, card.memory_gb) == ("h100", 989, 80)
    assert card.dollars_an_hour > 0


def test_an_unknown_card_is_an_error_that_lists_the_known_ones():
    with pytest.raises(InvalidInputError, match="no card 'b900'") as error:
        find_card("b900")
    assert all(card.key in error.value.hint for card in list_cards())
