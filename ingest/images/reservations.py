"""What holders write of training on their images, as one of the reservations that images have.

Read are the values of TDMRep (`tdm:reservation` 0 or 1), of PLUS's "Data Mining" (adopted by IPTC's Photo
Metadata 2023.1), and plain words of tables. Words that are not known stay what they were, and the reservation
unknown: nothing is guessed.

Source: https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/ ;
http://ns.useplus.org/LDF/ldf-XMPSpecification
"""

from typing import Any

PLUS_PREFIX = "dmi-"
_PLUS = {  # after the prefix, in lower case
    "allowed": "none",
    "prohibited-aimltraining": "opt-out",
    "prohibited-genaimltraining": "opt-out",
    "prohibited-exceptsearchengineindexing": "tdm",
    "prohibited": "tdm",
    "prohibited-seeconstraint": "tdm",
    "prohibited-seeembeddedrightsexpr": "tdm",
}
_PLUS_WORDS = {  # as tools write the vocabulary out
    "allowed": "none",
    "prohibited for ai/ml training": "opt-out",
    "prohibited for generative ai/ml training": "opt-out",
    "prohibited except for search engine indexing": "tdm",
    "prohibited": "tdm",
    "prohibited, see plus:otherconstraints": "tdm",
    "prohibited, see plus:embeddedencodedrightsexpr": "tdm",
    "prohibited, see plus:linkedencodedrightsexpr": "tdm",
}
_NONE = frozenset({"none", "no", "not reserved", "0", "false", "allowed", "allow"})
_TDM = frozenset({"tdm", "tdm-reservation", "reserved", "tdm reserved"})
_OPT_OUT = frozenset({"opt-out", "opt out", "optout", "opted out", "opted-out", "noai", "noimageai"})
_YES = frozenset({"1", "true", "yes"})
UNKNOWN = frozenset({"", "unknown", "n/a", "na", "null", "dmi-unspecified", "unspecified"})
"""Words that say that nothing is known."""


def reservation_of(value: Any, column: str = "") -> str | None:
    """`none`, `tdm` or `opt-out` for what a file or table says; None where it is unknown or not understood.

    `column` is the name of its field: a bare yes means `opt-out` in one that is called so, else `tdm`.
    """
    text = " ".join(str(value).split()).lower() if value is not None else ""
    text = text.rpartition("/")[2] if "/dmi-" in text else text
    if text.startswith(PLUS_PREFIX):
        return _PLUS.get(text.removeprefix(PLUS_PREFIX))
    if text in _PLUS_WORDS:
        return _PLUS_WORDS[text]
    if text in _NONE:
        return "none"
    if text in _TDM:
        return "tdm"
    if text in _OPT_OUT:
        return "opt-out"
    if text in _YES:
        return "opt-out" if "opt" in column.lower() else "tdm"
    return None


def is_understood(value: Any, column: str = "") -> bool:
    """Whether `value` is a reservation, or says that none is known."""
    text = "" if value is None else str(value).strip().lower()
    return text.rpartition("/")[2] in UNKNOWN or reservation_of(value, column) is not None
