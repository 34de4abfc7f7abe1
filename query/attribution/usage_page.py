"""What many generated pictures owe to owners, as a self-contained HTML page with a chart."""

from __future__ import annotations

from .markup import render
from .usage_result import Usage

OWNERS = 40
"""Owners that are drawn; the others are added up."""

FIELD_WORDS = {
    "license": "licence",
    "license_url": "address of the licence",
    "rights_holder": "rights holder",
}

RESERVATION_WORDS = {
    "none": "none: nothing is reserved",
    "tdm": "tdm: text and data mining is reserved",
    "opt-out": "opt-out: training is refused",
}


def usage_page(usage: Usage) -> str:
    """The page: a bar for each owner, with its interval and the line of its share of the pool."""
    field = FIELD_WORDS.get(usage.by, usage.by.removeprefix("metadata."))
    names = RESERVATION_WORDS if usage.by == "reservation" else {}
    shown, rest = usage.owners[:OWNERS], usage.owners[OWNERS:]
    scale = max((owner.high or owner.influence for owner in shown), default=0.0)
    scale = max(scale, *(owner.owned for owner in shown), 1e-9) if shown else 1.0
    return render(
        "usage.html",
        usage=usage,
        field=field,
        names=names,
        shown=shown,
        rest=len(rest),
        rest_influence=sum(owner.influence for owner in rest),
        scale=min(1.0, scale * 1.05),
        remarks=usage.remarks(),
    )
