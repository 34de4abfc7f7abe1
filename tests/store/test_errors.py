import pickle
import re

import pytest
from attribase.store import AttribaseError, ConflictError, DataError, InvalidInputError, NotFoundError, errors


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


def test_the_tree_in_the_docstring_is_the_tree_of_classes():
    def tree(kind, depth=0):
        yield depth, kind.__name__, kind.status
        for child in kind.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from tree(child, depth + 1)

    lines = re.findall(r"^    ([├└│─ ]*)(\w+Error) +(\d{3}) +[1-]  ", errors.__doc__, re.MULTILINE)
    drawn = [(len(branches) // 4, name, int(status)) for branches, name, status in lines]
    assert drawn == list(tree(AttribaseError))
