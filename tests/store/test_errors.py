import pickle

import pytest
from attribase.store import AttribaseError, ConflictError, DataError, InvalidInputError, NotFoundError


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (AttribaseError, 500),
        (NotFoundError, 404),
        (InvalidInputError, 400),
        (ConflictError, 409),
        (DataError, 422),
    ],
)
def test_an_error_has_a_status_and_keeps_its_hint_between_processes(kind, status):
    error = kind("what failed", hint="what next")
    error.reason = "truncated"
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), back.hint, back.reason) == (kind, "what failed", "what next", "truncated")
    assert back.status == status
    assert isinstance(back, AttribaseError)
