"""An answer as tables on the terminal: what it says as a whole, its images, its owners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .console import say
from .output import Output, print_rows

if TYPE_CHECKING:
    from ..query import Answer, FailedQuestion, OwnerShare, Result

SHORT_ID = 12
"""Characters of an id in a table that is cut to a terminal."""

OWNERS = 20
"""Owners by one field that a table lists."""

SHOWN = ("rank", "influence", "similarity", "creator", "license", "caption", "uri", "image_id")


def print_answer(answer: Answer, out: Output, title: str, owners: Sequence[Answer | FailedQuestion]) -> None:
    """Print an answer as a table, below `title`; then `owners`, its owners by each field."""
    from ..query import Answer
    from ..query.attribution.abstention import verdict
    from ..query.attribution.markup import percent
    from ..query.attribution.provenance import POOLS
    from ..query.attribution.state import NO_CLEAR_SOURCE, SIMILAR
    from ..runtime.influence import SPREAD

    copies = any(result.copies for result in answer.results)
    rows = [
        _row(result, out.width is not None)
        | ({"copies": len(result.copies)} if copies else {})
        | ({"in_set": result.in_set} if answer.alpha is not None else {})
        for result in answer.results
    ]
    evidence = answer.evidence
    measured = evidence.line if evidence and evidence.strength else ""
    first = answer.state_text if answer.state == NO_CLEAR_SOURCE else ""
    lines = (title, first, *verdict(answer), answer.state_text, measured)
    print_rows(rows, out, title="\n".join(dict.fromkeys(line for line in lines if line)))
    for one in owners:
        if isinstance(one, Answer) and one.by:
            rows = [_owner_row(one.by, share, out.width is not None) for share in one.shares[:OWNERS]]
            print_rows(rows, out, title=f"\nby {one.by}")
            if len(one.shares) > OWNERS:
                say(f"{len(one.shares) - OWNERS:,} more owners by {one.by}: all with -o owners.csv")
    if answer.remaining is not None:
        compared = (
            f"all {answer.pool_size:,} images of the pool ({POOLS[answer.pool]})"
            if answer.exact
            else f"{answer.searched:,} of {answer.pool_size:,} images"
            + (" found by an index" if answer.method == "index" else "")
        )
        say(f"{percent(answer.remaining)} of the influence is not listed; compared with {compared}")
        if answer.law == SPREAD and answer.null_share is not None:
            say(f"{percent(answer.null_share)} is the null share: owed to nothing in the pool")
    if evidence and not measured and answer.state != SIMILAR:
        say(evidence.line)


def _row(result: Result, short: bool) -> dict[str, Any]:
    """A result as a row; `short`: as a terminal has room for, where `picture` takes the short id."""
    from ..query.attribution.markup import percent

    row = {name: getattr(result, name) for name in SHOWN}
    share = result.influence
    if share is None:
        del row["influence"]
    if short:
        row |= {} if share is None else {"influence": percent(share)}
        row |= {"similarity": f"{result.similarity:.3f}", "image_id": result.image_id[:SHORT_ID]}
        del row["uri"]
    return row


def _owner_row(by: str, share: OwnerShare, short: bool) -> dict[str, Any]:
    """An owner as a row: its part of the influence beside its part of the pool, then its best match."""
    from ..query.attribution.markup import percent

    influence = {} if share.influence is None else {"influence": percent(share.influence)}
    return {
        by: share.name,
        **influence,
        "owned": percent(share.owned),
        "images": share.images,
        "best_match": f"{share.similarity:.3f}",
        "image_id": share.image_id[:SHORT_ID] if short else share.image_id,
    }
