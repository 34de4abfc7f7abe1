"""The page of a pack, made of `answer.json` and its pictures alone; the PDF is printed from it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..query.attribution.markup import after_colon, percent, sentence
from ..query.attribution.provenance import POOLS
from ..query.attribution.state import SHARES, STATES, UNSOURCED

OWNERS = 25
"""How many owners are listed; all are in `answer.json`."""

FIELDS: Mapping[str, str] = {
    "creator": "creator",
    "rights_holder": "rights holder",
    "license": "licence",
    "license_url": "licence's text",
    "reservation": "reservation",
    "source": "source",
    "uri": "address",
}
"""What is shown of the rights in an image, with its name for people."""

KINDS: Mapping[str, str] = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg"}


@cache
def page_version() -> str:
    """A digest of what decides the page, this module and its template: another one writes another page."""
    folder = Path(__file__).parent
    data = [(folder / name).read_bytes() for name in ("page.py", "templates/evidence.html")]
    return hashlib.sha256(b"\0".join(data)).hexdigest()


@dataclass(frozen=True)
class ShownResult:
    """An image of the answer, its picture as a data URI or None, and what is known of its rights.

    `rights`: names and values; `unknown`: the names of the others.
    """

    result: Mapping[str, Any]
    picture: str | None
    rights: Sequence[tuple[str, str]]
    unknown: Sequence[str]


def evidence_page(contents: Mapping[str, Any], thumbnails: Mapping[int, tuple[str, bytes]]) -> str:
    """The page.

    Args:
        contents: of `answer.json`, as JSON has it.
        thumbnails: by rank the ending and bytes of the pictures; 0 is the one that was asked about.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("attribase.packs"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    templates.filters |= {"percent": percent, "sentence": sentence, "after_colon": after_colon}
    pictures = {rank: _data_uri(*found) for rank, found in thumbnails.items()}
    return templates.get_template("evidence.html").render(**_values(contents, pictures))


def _values(contents: Mapping[str, Any], pictures: Mapping[int, str]) -> dict[str, Any]:
    answer, asked = contents["answer"], contents["asked"]
    results = [
        ShownResult(result, pictures.get(result["rank"]), *_rights(rights))
        for result, rights in zip(answer["results"], contents["rights"], strict=True)
    ]
    names = ("store", "request", "features", "method", "meaning", "limits", "signer")
    return {
        **{name: contents[name] for name in names},
        "answer": answer,
        "asked": {"sha256": None, **asked},
        "headline": _headline(answer),
        "says": [f"{line[:1].upper()}{line[1:]}." for line in _says(contents)],
        "question_picture": pictures.get(0),
        "pool": f"{answer['pool_size']:,} images: {POOLS[answer['pool']]}",
        "results": results,
        "shares": answer["shares"][:OWNERS],
        "more_shares": max(0, len(answer["shares"]) - OWNERS),
        "certainty": list(_certainty(contents)),
        "networks": _networks(contents["features"]["encoder"]),
        "calibration": _calibration(answer),
        "software": ", ".join(f"{name} {version}" for name, version in contents["software"].items()),
        "states": STATES,
        "unsourced": UNSOURCED,
    }


def _headline(answer: Mapping[str, Any]) -> str:
    results = answer["results"]
    if not results:
        return "Nothing to name"
    if answer["state"] != SHARES:
        return UNSOURCED.get(answer["state"], "The most similar training images")
    listed = sum(result["influence"] or 0.0 for result in results)
    images = "this image" if len(results) == 1 else f"these {len(results)} images"
    return f"{percent(listed)} of the influence is from {images}"


def _says(contents: Mapping[str, Any]) -> Iterator[str]:
    """What comes first: what remains, the verdict, how much was compared."""
    answer = contents["answer"]
    if answer["remaining"] is not None:
        yield f"{percent(answer['remaining'])} of the influence is of images that are not listed"
        null = answer["null_share"] or 0.0
        yield f"{percent(null)} is of nothing among the images compared (the null share)"
    yield from (line for line in contents["verdict"] if line != answer["state_text"])
    searched, size = answer["searched"], answer["pool_size"]
    if answer["exact"]:
        yield f"compared with all {size:,} images of the pool"
    else:
        yield f"compared with {searched:,} of the {size:,} images of the pool"


def _certainty(contents: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and texts: completeness, p_none, evidence with its interval."""
    answer, interval = contents["answer"], contents["interval"]
    if answer["exact"]:
        yield "complete", "yes: every image of the pool was compared"
    elif answer["complete"]:
        yield "complete", "yes: no image that was not compared is similar enough to have influence"
    elif answer["unseen"] is None:
        yield "complete", "no: nothing is known of the images that were not compared"
    else:
        yield "complete", f"no: images that were not compared have up to {percent(answer['unseen'])} together"
    if answer["recall"] is not None:
        yield "recall of the index", f"{percent(answer['recall'])} of the best images, as it was measured"
    none = answer["p_none"]
    yield (
        "p_none",
        "not known: no abstention was trained"
        if none is None
        else f"{none:.3g}: so many of all pictures that owe nothing to the pool have a match as good",
    )
    if answer["evidence"]:
        yield "on test pictures", answer["evidence"]["line"]
    if interval:
        low, high = (f"{100 * interval[name]:.0f}%" for name in ("low", "high"))
        yield "interval of that", f"{low} to {high} ({100 * interval['level']:.0f}%, {interval['method']})"
    yield "intervals of shares", "none: no interval of the influence of one image in one picture is known"


def _calibration(answer: Mapping[str, Any]) -> str:
    if answer["law"] is None:
        return "none: there are no shares"
    if answer["tau"] is None:
        return f"law {answer['law']}, in answer.json"
    return f"tau {answer['tau']:.4g}, lambda {answer['lam']:.4g} (arXiv:2306.09345, eq. 6)"


def _rights(rights: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[str]]:
    """Names and values of what is known, and the names of what is not."""
    told = {name: rights.get(field) for field, name in FIELDS.items()}
    known = [(name, str(value)) for name, value in told.items() if value is not None]
    return known, [name for name, value in told.items() if value is None]


def _networks(encoder: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Name and sha256 of each network: of a composite those of its parts."""
    parts = json.loads(encoder.get("parts") or "[]")
    if parts:
        return [(part["encoder"], part["onnx_sha256"]) for part in parts]
    return [(encoder["name"], encoder.get("onnx_sha256"))]


def _data_uri(ending: str, data: bytes) -> str:
    return f"data:{KINDS[ending]};base64,{base64.b64encode(data).decode()}"
